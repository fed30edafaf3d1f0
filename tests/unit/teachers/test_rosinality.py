"""rosinality's StyleGAN2 and ours compute the same, after conversion either way."""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gancompress.generators.build import build
from gancompress.teachers.from_file import from_file, read_network
from gancompress.teachers.readers.rosinality import to_rosinality

SIZE, Z = 16, 6


def filtered(x: Tensor, kernel: Tensor, pad: tuple[int, int]) -> Tensor:
    """upfirdn2d without resampling: padded, then convolved channel by channel."""
    x = F.pad(x, (*pad, *pad))
    weight = kernel.flip((0, 1)).expand(x.size(1), 1, -1, -1)
    return F.conv2d(x, weight, groups=x.size(1))


def equal_linear(x: Tensor, state: dict[str, Tensor], name: str, lr: float = 1.0) -> Tensor:
    weight = state[f"{name}.weight"]
    return F.linear(x, weight * lr / math.sqrt(weight.size(1)), state[f"{name}.bias"] * lr)


def modulated(
    x: Tensor, w: Tensor, state: dict[str, Tensor], name: str, demodulate: bool
) -> Tensor:
    """A convolution with weights of its own for each sample, as rosinality's layer describes."""
    shared = state[f"{name}.weight"][0]
    style = equal_linear(w, state, f"{name}.modulation")
    out = []
    for row in range(len(x)):
        weight = shared / math.sqrt(shared[0].numel()) * style[row].view(1, -1, 1, 1)
        if demodulate:
            norm = (weight.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-8).rsqrt()
            weight = weight * norm
        if f"{name}.blur.kernel" in state:
            h = F.conv_transpose2d(x[row : row + 1], weight.transpose(0, 1), stride=2)
            out.append(filtered(h, state[f"{name}.blur.kernel"], (1, 1)))
        else:
            out.append(F.conv2d(x[row : row + 1], weight, padding=weight.size(-1) // 2))
    return torch.cat(out)


def styled(x: Tensor, w: Tensor, state: dict[str, Tensor], name: str, noise: Tensor) -> Tensor:
    h = modulated(x, w, state, f"{name}.conv", demodulate=True)
    h = h + state[f"{name}.noise.weight"] * noise
    h = h + state[f"{name}.activate.bias"].view(1, -1, 1, 1)
    return F.leaky_relu(h, 0.2) * math.sqrt(2)


def to_rgb(
    x: Tensor, w: Tensor, state: dict[str, Tensor], name: str, skip: Tensor | None
) -> Tensor:
    h = modulated(x, w, state, f"{name}.conv", demodulate=False) + state[f"{name}.bias"]
    if skip is None:
        return h
    apart = torch.zeros(*skip.shape[:2], 2 * skip.size(2), 2 * skip.size(3))
    apart[..., ::2, ::2] = skip
    return h + filtered(apart, state[f"{name}.upsample.kernel"], (2, 1))


def theirs(state: dict[str, Tensor], z: Tensor) -> Tensor:
    """The image of rosinality's generator with its stored noise, by the formulas of its layers."""
    w = z * (z.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()
    for index in range(1, 1 + sum(1 for name in state if name.startswith("style."))):
        if f"style.{index}.weight" in state:
            w = F.leaky_relu(equal_linear(w, state, f"style.{index}", 0.01), 0.2) * math.sqrt(2)
    x = state["input.input"].expand(len(z), -1, -1, -1)
    x = styled(x, w, state, "conv1", state["noises.noise_0"])
    image = to_rgb(x, w, state, "to_rgb1", None)
    for index in range(2):
        for half in range(2):
            layer = 2 * index + half
            x = styled(x, w, state, f"convs.{layer}", state[f"noises.noise_{layer + 1}"])
        image = to_rgb(x, w, state, f"to_rgbs.{index}", image)
    return image


def ours(**kwargs: object) -> nn.Module:
    torch.manual_seed(0)
    module = build(
        "stylegan2",
        **{
            "z_dim": Z,
            "classes": 0,
            "w_dim": Z,
            "resolution": SIZE,
            "mapping_layers": 3,
            "channel_base": 64,
            "channel_max": 8,
            "conv_clamp": None,
            **kwargs,
        },
    )
    for name, tensor in module.state_dict().items():
        if not name.endswith("resample_filter"):
            tensor.add_(torch.rand_like(tensor), alpha=0.3)
    return module.eval()


def test_conversion_computes_what_the_formulas_of_its_layers_say() -> None:
    module, z = ours(), torch.randn(3, Z)
    with torch.no_grad():
        assert torch.allclose(theirs(to_rosinality(module.state_dict()), z), module(z), atol=1e-4)


@pytest.mark.parametrize("kwargs", [{}, {"channel_max": 4}, {"widths": [5, 7, 3]}])
def test_file_is_read_and_computes_the_same(kwargs: dict[str, object], tmp_path: Path) -> None:
    module, z = ours(**kwargs), torch.randn(3, Z)
    state = to_rosinality(module.state_dict())
    mean = state.pop("latent_avg")
    content = {"g_ema": state, "g": state, "d": {"final_conv.0.weight": z}, "latent_avg": mean}
    torch.save(content, tmp_path / "550000.pt")
    teacher = from_file(tmp_path / "550000.pt")
    with torch.no_grad():
        assert torch.allclose(teacher({"z": z}), module(z), atol=1e-4)
        assert torch.allclose(teacher({"z": z}), theirs(state, z), atol=1e-4)
        mean_image = from_file(tmp_path / "550000.pt", truncation_psi=0.0)({"z": z})
    module.truncation_psi = 0.0
    assert torch.allclose(mean_image, module(z), atol=1e-4)


def test_names_and_shapes_are_those_of_its_program(tmp_path: Path) -> None:
    state = to_rosinality(ours().state_dict())
    shapes = {name: tuple(value.shape) for name, value in state.items()}
    assert shapes["convs.0.conv.weight"] == (1, 8, 8, 3, 3)
    assert shapes["convs.0.conv.blur.kernel"] == (4, 4)
    assert "convs.1.conv.blur.kernel" not in shapes
    assert shapes["to_rgbs.1.upsample.kernel"] == (4, 4)
    assert shapes["to_rgb1.bias"] == (1, 3, 1, 1)
    assert shapes["noises.noise_4"] == (1, 1, 16, 16)
    assert shapes["style.3.weight"] == (Z, Z)
    assert shapes["conv1.noise.weight"] == (1,)


def test_noise_of_its_programs_is_named_as_an_assumption(tmp_path: Path) -> None:
    torch.save({"g_ema": to_rosinality(ours().state_dict())}, tmp_path / "n.pt")
    assert any(
        text.startswith("noise_mode=const") for text in read_network(tmp_path / "n.pt").assumptions
    )
