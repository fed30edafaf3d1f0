"""More families that make images, or sound, of noise: BigGAN, SNGAN, FastGAN, HiFi-GAN."""

import math
import re

import torch
from torch import Tensor

from gancompress.teachers.family import Arguments, Shapes, Tensors, count, renamed


def read_biggan(shapes: Shapes) -> Arguments:
    """BigGAN and BigGAN-deep under the names of BigGAN-PyTorch."""
    deep = "blocks.0.0.conv3.weight" in shapes
    widths, ends = _biggan_stages(shapes, "conv4" if deep else "conv2")
    first_rows, first = shapes["linear.weight"]
    told = shapes["blocks.0.0.bn1.gain.weight"]
    classes, shared = shapes.get("shared.weight", (told[0], 0))
    if deep:
        z_dim, hierarchical = first - (shared if told[1] == first else 0), told[1] == first
    else:
        hierarchical = bool(shared) and told[1] > shared
        z_dim = first * (len(widths) if hierarchical else 1)
    return {
        "z_dim": z_dim,
        "classes": classes,
        "widths": widths,
        "attention": [stage for stage, end in enumerate(ends) if f"blocks.{end}.1.gamma" in shapes],
        "shared_dim": shared,
        "hierarchical": hierarchical,
        "depth": (ends[0] + 1) if deep else 0,
        "bottom": math.isqrt(first_rows // widths[0]),
    }


def _biggan_stages(shapes: Shapes, last: str) -> tuple[list[int], list[int]]:
    """Channels of the first maps and after each stage, and the block that ends each stage.

    A stage of BigGAN is a block, one of BigGAN-deep two, as published, unless its widths tell.
    """
    blocks = count(shapes, r"blocks\.\d+\.0\.conv1\.weight")
    before = [shapes[f"blocks.{index}.0.conv1.weight"][1] for index in range(blocks)]
    after = [shapes[f"blocks.{index}.0.{last}.weight"][0] for index in range(blocks)]
    if last == "conv2":
        return [before[0], *after], list(range(blocks))
    # Stages end where the width changes, but those of one width do not show.
    most = math.gcd(blocks, *(i + 1 for i in range(blocks) if before[i] != after[i]))
    depth = most if most % 2 else 2
    ends = list(range(depth - 1, blocks, depth))
    return [before[0], *(after[end] for end in ends)], ends


def convert_biggan(tensors: Tensors) -> dict[str, Tensor]:
    """Tensors of its norms that were trained on several devices, under the plain norm's names."""
    kept = {n: v for n, v in tensors.items() if not n.endswith(("accumulation_counter", "tracked"))}
    return renamed(
        kept,
        (r"\.bn\.running_(mean|var)$", r".stored_\1"),
        (r"\.bn\.stored_(mean|var)$", r".stored_\1"),
    )


def assume_biggan(_: Shapes, arguments: Arguments) -> dict[str, str]:
    """What the tensors of BigGAN do not show."""
    deep = {"depth": "as published, where widths do not tell"} if arguments["depth"] else {}
    return {"eps": "of its norms, as published", **deep}


# The converted program's names -> those of BigGAN-PyTorch, within a block and beside it.
_CONVERTED = (
    (r"^embeddings\.weight$", "shared.weight"),
    (r"^generator\.gen_z\.", "linear."),
    (r"^generator\.bn\.weight$", "output_layer.0.gain"),
    (r"^generator\.bn\.", "output_layer.0."),
    (r"^generator\.conv_to_rgb\.", "output_layer.2."),
    (r"\.snconv1x1_(theta|phi|g)\.", r".\1."),
    (r"\.snconv1x1_o_conv\.", ".o."),
    (r"\.running_(mean|var)s$", r".stored_\1"),
    (r"\.scale\.weight$", ".gain.weight"),
    (r"\.offset\.weight$", ".bias.weight"),
)


def convert_converted_biggan(tensors: Tensors) -> dict[str, Tensor]:
    """pytorch-pretrained-biggan: BigGAN-deep with another order of layers, inputs and pixels."""
    z_dim = len(tensors["embeddings.weight"])
    numbers = sorted({int(m[1]) for n in tensors if (m := re.match(r".*\.layers\.(\d+)\.", n))})
    places, place = {}, -1
    for number in numbers:
        attention = f"generator.layers.{number}.gamma" in tensors
        # Attention ends the stage before it.
        place += 0 if attention else 1
        places[number] = f"blocks.{place}.{int(attention)}."
    found = renamed(
        tensors,
        *((rf"^generator\.layers\.{number}\.", name) for number, name in places.items()),
        (r"\.(bn|conv)_(\d)\.", lambda match: f".{match[1]}{int(match[2]) + 1}."),
        *_CONVERTED,
    )
    for name, value in found.items():
        if name.endswith((".gain.weight", ".bias.weight")) or name == "linear.weight":
            # The embedding comes first there, the latent here.
            found[name] = torch.cat([value[:, z_dim:], value[:, :z_dim]], dim=1)
        elif name.endswith(".gamma"):
            found[name] = value.reshape(())
    found["shared.weight"] = found["shared.weight"].T
    for name in ("linear.weight", "linear.bias"):
        # Its first maps have their channels last.
        value = found[name]
        pixels = value.reshape(4, 4, -1, *value.shape[1:])
        found[name] = pixels.movedim(2, 0).flatten(0, 2)
    for name in ("output_layer.2.weight", "output_layer.2.bias"):
        found[name] = found[name][:3]
    return found


def read_converted_biggan(shapes: Shapes) -> Arguments:
    """pytorch-pretrained-biggan, by its tensors under BigGAN-PyTorch's names."""
    statistics = shapes["output_layer.0.stored_mean"][0]
    return {**read_biggan(shapes), "statistics": statistics, "eps": 1e-4}


def assume_converted_biggan(_: Shapes, __: Arguments) -> dict[str, str]:
    """What the tensors of pytorch-pretrained-biggan do not show."""
    return {
        "truncation": "chooses the norms' statistics; draw latents as truncated, too",
        "eps": "as published",
    }


def read_sngan(shapes: Shapes) -> Arguments:
    """Residual generators of mimicry: SNGAN, SSGAN, InfoMax-GAN, cGAN-PD."""
    rows, z_dim = shapes["l1.weight"]
    blocks = count(shapes, r"block\d+\.c1\.weight")
    last = shapes[f"c{blocks + 2}.weight"]
    widths = [shapes["block2.c1.weight"][1]]
    widths += [shapes[f"block{index + 2}.c1.weight"][0] for index in range(blocks)]
    return {
        "z_dim": z_dim,
        "widths": widths,
        "bottom": math.isqrt(rows // widths[0]),
        "classes": shapes.get("block2.b1.embed.weight", (0,))[0],
        "channels": last[0],
    }


def read_fastgan(shapes: Shapes) -> Arguments:
    """FastGAN of 256², 512² or 1024²."""
    z_dim, joined = shapes["init.init.0.weight"][:2]
    sizes = [int(m[1]) for n in shapes if (m := re.match(r"feat_(\d+)\.1\.weight$", n))]
    return {
        "z_dim": z_dim,
        "width": joined // 32,
        "resolution": max(sizes),
        "channels": shapes["to_big.weight"][0],
        "tanh": max(sizes) > 512,
    }


def assume_fastgan(_: Shapes, __: Arguments) -> dict[str, str]:
    """What the tensors of FastGAN do not show."""
    return {
        "tanh": "its first program ends in tanh at 1024 only",
        "noise_mode": "its program draws new noise for each picture; noise_mode=random does",
    }


def read_hifigan(shapes: Shapes) -> Arguments:
    """HiFi-GAN; rates are half the kernels, dilations those of the published configurations."""
    ups = count(shapes, r"ups\.\d+\.weight")
    paired = "resblocks.0.convs1.0.weight" in shapes
    part = "convs1" if paired else "convs"
    first = [
        shapes[f"resblocks.{index}.{part}.0.weight"]
        for index in range(count(shapes, rf"resblocks\.\d+\.{part}\.0\.weight") // ups)
    ]
    each = count(shapes, rf"resblocks\.0\.{part}\.\d+\.weight")
    kernels = [shapes[f"ups.{index}.weight"][2] for index in range(ups)]
    return {
        "mels": shapes["conv_pre.weight"][1],
        "width": shapes["conv_pre.weight"][0],
        "rates": [kernel // 2 for kernel in kernels],
        "rate_kernels": kernels,
        "kernels": [shape[2] for shape in first],
        "dilations": [[1, 3, 5][:each]] * len(first)
        if paired
        else [[1, 2], [2, 6], [3, 12]][: len(first)],
        "paired": paired,
    }


def assume_hifigan(_: Shapes, __: Arguments) -> dict[str, str]:
    """What the tensors of HiFi-GAN do not show."""
    return {"rates": "half of the kernels, as published", "dilations": "as published"}
