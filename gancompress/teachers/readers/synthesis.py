"""Families that make images of noise: DiStyleGAN, StyleGAN2."""

import re

from torch import Tensor

from gancompress.teachers.family import Arguments, Shapes, Tensors, count, renamed


def read_distylegan(shapes: Shapes) -> Arguments:
    """The generator of a DiStyleGAN checkpoint."""
    project, joined = shapes["project.0.weight"], shapes["fc.0.weight"]
    return {
        "z_dim": project[1],
        "classes": joined[1] - project[0] // 2,
        "width": joined[0] // 32,
        "resolution": 4 * 2 ** count(shapes, r"upsample\d+\.1\.weight"),
        "channels": shapes["img.0.weight"][0],
        "project_dim": project[0] // 2,
    }


def read_stylegan2(shapes: Shapes) -> Arguments:
    """StyleGAN2 and StyleGAN2-ADA; the clamp is not to be seen in the tensors."""
    found = (re.fullmatch(r"synthesis\.b(\d+)\.conv1\.weight", name) for name in shapes)
    widths = {int(match[1]): shapes[match[0]][0] for match in found if match}
    resolution = max(widths)
    return {
        **_mapping(shapes),
        "resolution": resolution,
        "channels": shapes[f"synthesis.b{resolution}.torgb.weight"][0],
        **_channels(widths),
        "conv_clamp": None,
        **_architecture(shapes),
    }


def _mapping(shapes: Shapes) -> Arguments:
    """Arguments of the mapping network; lengths that are w_dim as published are left out."""
    layers = count(shapes, r"mapping\.fc\d+\.weight")
    inner, joined = shapes["mapping.fc0.weight"]
    w_dim = shapes[f"mapping.fc{layers - 1}.weight"][0]
    embedded, classes = shapes.get("mapping.embed.weight", (0, 0))
    return {
        "z_dim": joined - embedded,
        "classes": classes,
        "w_dim": w_dim,
        "mapping_layers": layers,
        **({"embed_features": embedded} if embedded not in (0, w_dim) else {}),
        **({"layer_features": inner} if inner != w_dim else {}),
    }


def _architecture(shapes: Shapes) -> Arguments:
    """How the image is made, where it is not as published."""
    if "synthesis.b4.torgb.weight" in shapes:
        return {}
    return {"architecture": "resnet" if "synthesis.b8.skip.weight" in shapes else "orig"}


def _channels(widths: dict[int, int]) -> Arguments:
    """The two numbers that published widths follow from, or those of a network that was cut."""
    base, most = max(size * width for size, width in widths.items()), widths[4]
    if all(min(base // size, most) == width for size, width in widths.items()):
        return {"channel_base": base, "channel_max": most}
    return {"widths": [widths[size] for size in sorted(widths)]}


def assume_stylegan2(_: Shapes, arguments: Arguments) -> dict[str, str]:
    """What the tensors of StyleGAN2 do not show."""
    if arguments["conv_clamp"] is not None:
        return {}
    return {"conv_clamp": "tensors do not show it; files of half precision clamp at 256"}


def convert_dcgan(tensors: Tensors) -> dict[str, Tensor]:
    """Tensors under the example's names; others call the sequence something else, or nothing."""
    return renamed(tensors, (r"^(\w+\.)?(\d+)\.(?=\w+$)", r"main.\2."))


def read_dcgan(shapes: Shapes) -> Arguments:
    """DCGAN as PyTorch's example writes it."""
    layers = count(shapes, r"main\.\d+\.weight") // 2
    convolutions = [shapes[f"main.{3 * index}.weight"] for index in range(layers + 1)]
    if any(len(shape) != 4 or shape[2:] != (4, 4) for shape in convolutions):
        raise KeyError("main.0.weight")
    bias, last_bias = "main.0.bias" in shapes, f"main.{3 * layers}.bias" in shapes
    return {
        "z_dim": convolutions[0][0],
        "widths": [shape[1] for shape in convolutions[:-1]],
        "channels": convolutions[-1][1],
        "bias": bias,
        **({} if bias == last_bias else {"last_bias": last_bias}),
    }


def read_stylegan3(shapes: Shapes) -> Arguments:
    """StyleGAN3, T and R; its layers are named by number, size and channels."""
    found = [re.match(r"synthesis\.L(\d+)_(\d+)_(\d+)\.weight$", name) for name in shapes]
    layers = {int(m[1]): (int(m[2]), m[0]) for m in found if m}
    last = max(layers)
    resolution = layers[last][0]
    w_dim, joined = shapes["mapping.fc0.weight"]
    classes = shapes["mapping.embed.weight"][1] if "mapping.embed.weight" in shapes else 0
    widths = [shapes[layers[index][1]][0] for index in range(last)]
    sizes = [layers[index][0] for index in range(last + 1)]
    first = layers[0][1].removesuffix("weight")
    return {
        "z_dim": joined - (w_dim if classes else 0),
        "classes": classes,
        "w_dim": w_dim,
        "resolution": resolution,
        "channels": shapes[layers[last][1]][0],
        "mapping_layers": count(shapes, r"mapping\.fc\d+\.weight"),
        # The layer before the image's has the cutoff of half the resolution.
        "channel_base": widths[-1] * resolution,
        "channel_max": max(widths),
        "layers": last,
        "kernel_size": shapes[layers[0][1]][2],
        "radial": len(shapes.get(f"{first}down_filter", ())) == 2,
        # The first layers are sampled on 16 pixels and the margins.
        "margin": (sizes[0] - 16) // 2,
        "conv_clamp": 256.0,
    }


def assume_stylegan3(_: Shapes, arguments: Arguments) -> dict[str, str]:
    """What the tensors of StyleGAN3 do not show."""
    return {"conv_clamp": "as published", "critical": "as published, with its cutoffs"}
