"""rosinality's StyleGAN2 (also of MobileStyleGAN, StyleKD, CAGC, DCP-GAN and Anycost's teachers).

Its networks compute what StyleGAN2-ADA's do; they name their tensors otherwise, and keep the
weights of modulated convolutions without the factor 1/√fan-in that demodulation cancels but for its
epsilon.
"""

import math
import re
from collections.abc import Mapping

import torch
from torch import Tensor

from gancompress.generators.fir import fir_kernel
from gancompress.teachers.family import Arguments, Shapes, Tensors

# The parts of a layer, as rosinality has them and as we do.
_PARTS = {
    "conv.weight": "weight",
    "conv.modulation.weight": "affine.weight",
    "conv.modulation.bias": "affine.bias",
    "noise.weight": "noise_strength",
    "activate.bias": "bias",
    "bias": "bias",
}


def _layers(count: int) -> dict[str, str]:
    """rosinality's layer -> ours, for ``count`` convolutions after the first."""
    names = {"conv1": "synthesis.b4.conv1", "to_rgb1": "synthesis.b4.torgb"}
    for index in range(count):
        size = 8 * 2 ** (index // 2)
        names[f"convs.{index}"] = f"synthesis.b{size}.conv{index % 2}"
        names[f"to_rgbs.{index // 2}"] = f"synthesis.b{size}.torgb"
    return names


def convert_rosinality(tensors: Tensors) -> dict[str, Tensor]:
    """Tensors under our names, weights of demodulated convolutions times 1/√fan-in."""
    places = [int(m[1]) for n in tensors if (m := re.match(r"convs\.(\d+)\.conv\.weight$", n))]
    layers = _layers(max(places, default=-1) + 1)
    found = {"synthesis.b4.const": tensors["input.input"].squeeze(0)}
    for name, value in tensors.items():
        layer, part = _split(name)
        if layer in layers and part in _PARTS:
            found[f"{layers[layer]}.{_PARTS[part]}"] = _reshaped(value, layer, part)
        elif style := re.match(r"style\.(\d+)\.(weight|bias)$", name):
            found[f"mapping.fc{int(style[1]) - 1}.{style[2]}"] = value
        elif noise := re.match(r"noises\.noise_(\d+)$", name):
            index = int(noise[1])
            layer = "conv1" if index == 0 else f"convs.{index - 1}"
            found[f"{layers[layer]}.noise_const"] = value.squeeze(0).squeeze(0)
        elif name == "latent_avg":
            found["mapping.w_avg"] = value.reshape(-1)
        elif name != "input.input" and not name.endswith(".kernel"):
            raise KeyError(name)
    return _with_filters(found)


def to_rosinality(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The other way: the state dict of our StyleGAN2 (without classes) under rosinality's names.

    ``latent_avg``, which its programs keep beside the network, is among them.
    """
    count = 2 * (sum(1 for name in state if name.endswith(".torgb.weight")) - 1)
    names = {ours: theirs for theirs, ours in _layers(count).items()}
    found = {"input.input": state["synthesis.b4.const"].unsqueeze(0)}
    for name, value in state.items():
        ours = next((ours for ours in names if name.startswith(f"{ours}.")), "")
        part = name.removeprefix(f"{ours}.")
        theirs = names.get(ours, "")
        if fc := re.match(r"mapping\.fc(\d+)\.(weight|bias)$", name):
            found[f"style.{int(fc[1]) + 1}.{fc[2]}"] = value
        elif name == "mapping.w_avg":
            found["latent_avg"] = value
        elif part == "noise_const":
            index = 0 if theirs == "conv1" else int(theirs.partition(".")[2]) + 1
            found[f"noises.noise_{index}"] = value[None, None]
        elif ours:
            found |= _their_part(theirs, part, value)
    for layer in {name.rpartition(".conv.weight")[0] for name in found if "conv.weight" in name}:
        found |= _their_kernels(layer)
    return found


def _their_part(layer: str, part: str, value: Tensor) -> dict[str, Tensor]:
    image = layer.startswith("to_rgb")
    if part == "weight":
        scale = 1.0 if image else math.sqrt(value[0].numel())
        return {f"{layer}.conv.weight": (value * scale).unsqueeze(0)}
    if part == "bias":
        return (
            {f"{layer}.bias": value.view(1, -1, 1, 1)}
            if image
            else {f"{layer}.activate.bias": value}
        )
    if part == "noise_strength":
        return {f"{layer}.noise.weight": value.reshape(1)}
    names = {"affine.weight": "conv.modulation.weight", "affine.bias": "conv.modulation.bias"}
    return {f"{layer}.{names[part]}": value} if part in names else {}


def _their_kernels(layer: str) -> dict[str, Tensor]:
    """The filters of up-samplings, which rosinality's layers keep with gain 4."""
    if found := re.match(r"convs\.(\d+)$", layer):
        return {f"{layer}.conv.blur.kernel": 4 * fir_kernel()} if int(found[1]) % 2 == 0 else {}
    return {f"{layer}.upsample.kernel": 4 * fir_kernel()} if layer.startswith("to_rgbs") else {}


def assume_rosinality(shapes: Shapes, arguments: Arguments) -> dict[str, str]:
    """What the tensors do not show."""
    return {"noise_mode": "its programs draw new noise for each picture; noise_mode=random does"}


def _split(name: str) -> tuple[str, str]:
    found = re.match(r"(conv1|to_rgb1|convs\.\d+|to_rgbs\.\d+)\.(.+)$", name)
    return (found[1], found[2]) if found else ("", "")


def _reshaped(value: Tensor, layer: str, part: str) -> Tensor:
    if part == "conv.weight":
        weight = value.squeeze(0)
        image = layer.startswith("to_rgb")
        return weight if image else weight * (1 / math.sqrt(weight[0].numel()))
    if part == "noise.weight":
        return value.reshape(())
    return value.reshape(-1) if part == "bias" else value


def _with_filters(found: dict[str, Tensor]) -> dict[str, Tensor]:
    """Add what our layers keep and rosinality's do not: filters, and a mean latent."""
    anchor = found["synthesis.b4.const"]
    kernel = fir_kernel().to(anchor.device)
    for name in [name for name in found if name.endswith(".noise_const")]:
        found[name.replace("noise_const", "resample_filter")] = kernel
        found[f"{name.rpartition('.conv')[0]}.resample_filter"] = kernel
    if "mapping.w_avg" not in found:
        found["mapping.w_avg"] = torch.zeros_like(found["mapping.fc0.bias"])
    return found
