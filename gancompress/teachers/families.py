"""The published families: what of their constructors' arguments shows in the tensors' shapes.

A reader takes the shapes by name and returns the arguments of the family's factory. Where a tensor
that it goes by is missing it fails with a KeyError: the file is of another family.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Shapes = Mapping[str, tuple[int, ...]]
Arguments = dict[str, Any]


def read_resnet(shapes: Shapes) -> Arguments:
    """ResNet generators of CycleGAN and pix2pix, and GAN Compression's mobile and cut forms."""
    blocks = len({n.split(".")[1] for n in shapes if re.match(r"model\.\d+\.conv_block\.", n)})
    first = "model.10.conv_block.1"
    separable = f"{first}.conv.0.weight" in shapes
    dropout = any(name.startswith("model.10.conv_block.6.") for name in shapes) and (
        "model.10.conv_block.5.weight" not in shapes
    )
    pointwise = "conv.2.weight" if separable else "weight"
    inner = [shapes[f"model.{10 + i}.conv_block.1.{pointwise}"][0] for i in range(blocks)]
    down2 = shapes["model.7.weight"][0] // 4
    groups = [inner[blocks * third // 3] // 4 for third in range(3)]
    narrow = "all"
    if len(set(groups)) == 1 and any(size != inner[0] for size in inner):
        narrow = "first"
    stem = shapes["model.1.weight"]
    widths = [stem[0], shapes["model.4.weight"][0] // 2, down2, *groups]
    widths += [shapes[f"model.{10 + blocks}.weight"][1] // 2]
    widths += [shapes[f"model.{13 + blocks}.weight"][1]]
    uniform = len(set(widths)) == 1
    return {
        "in_channels": stem[1],
        "out_channels": shapes[f"model.{17 + blocks}.weight"][0],
        **({"width": widths[0]} if uniform else {"widths": widths}),
        "blocks": blocks,
        "norm_kind": "batch" if "model.2.weight" in shapes else "instance",
        # The probability leaves no trace in a file, and a teacher drops nothing.
        "dropout": 0.0 if dropout else None,
        "separable": separable,
        "narrow": narrow,
    }


def read_unet(shapes: Shapes) -> Arguments:
    """U-Nets of pix2pix; 7 down-samplings are UNet-128, 8 are UNet-256."""
    outermost = shapes["model.model.0.weight"]
    return {
        "in_channels": outermost[1],
        "out_channels": shapes["model.model.3.weight"][1],
        "width": outermost[0],
        "downs": 1 + _count(shapes, r"model\.model\.1(\.model\.3)*\.model\.1\.weight"),
        "norm_kind": "batch" if "model.model.1.model.2.weight" in shapes else "instance",
    }


def read_spade(shapes: Shapes) -> Arguments:
    """GauGAN, and GAN Compression's mobile and cut forms of it.

    The up-sampling is not to be seen in the tensors. Cityscapes is known by its 36 channels (35
    classes and the instance edges); whatever else is taken to be 'normal' at 256×256.
    """
    hidden = shapes["head_0.norm_0.mlp_shared.0.weight"]
    most = "up_4.conv_0.weight" in shapes
    cityscapes = hidden[1] == 36
    channels = shapes["fc.weight"][0]
    arguments: Arguments = {
        "label_channels": hidden[1],
        "out_channels": shapes["conv_img.weight"][0],
        "upsampling": "most" if most else "more" if cityscapes else "normal",
        "size": (256, 512) if cityscapes else (256, 256),
        "separable": "head_0.norm_0.mlp_gamma.conv.0.weight" in shapes,
    }
    factors = {"head_0": 16, "G_middle_0": 16, "G_middle_1": 16, "up_0": 8, "up_1": 4, "up_2": 2}
    inner = [shapes[f"{name}.conv_0.weight"][0] // n for name, n in (factors | {"up_3": 1}).items()]
    widths = [channels // 16, *inner]
    if len(set(widths)) == 1:
        return {**arguments, "width": widths[0], "hidden": hidden[0]}
    return {**arguments, "widths": widths}


def read_distylegan(shapes: Shapes) -> Arguments:
    """The generator of a DiStyleGAN checkpoint."""
    project, joined = shapes["project.0.weight"], shapes["fc.0.weight"]
    return {
        "z_dim": project[1],
        "classes": joined[1] - project[0] // 2,
        "width": joined[0] // 32,
        "resolution": 4 * 2 ** _count(shapes, r"upsample\d+\.1\.weight"),
        "channels": shapes["img.0.weight"][0],
        "project_dim": project[0] // 2,
    }


def read_stylegan2(shapes: Shapes) -> Arguments:
    """StyleGAN2 and StyleGAN2-ADA; the clamp is not to be seen in the tensors."""
    found = (re.fullmatch(r"synthesis\.b(\d+)\.conv1\.weight", name) for name in shapes)
    widths = {int(match[1]): shapes[match[0]][0] for match in found if match}
    w_dim, z_dim = shapes["mapping.fc0.weight"]
    classes = shapes["mapping.embed.weight"][1] if "mapping.embed.weight" in shapes else 0
    return {
        "z_dim": z_dim - (w_dim if classes else 0),
        "classes": classes,
        "w_dim": w_dim,
        "resolution": max(widths),
        "channels": shapes["synthesis.b4.torgb.weight"][0],
        "mapping_layers": _count(shapes, r"mapping\.fc\d+\.weight"),
        "channel_base": max(size * width for size, width in widths.items()),
        "channel_max": widths[4],
        "conv_clamp": None,
    }


def read_munit(shapes: Shapes) -> Arguments:
    """One of MUNIT's two autoencoders."""
    stem, style = shapes["enc_content.model.0.conv.weight"], shapes["mlp.model.0.fc.weight"]
    convolutions = _count(shapes, r"enc_content\.model\.\d+\.conv\.weight")
    return {
        "channels": stem[1],
        "width": stem[0],
        "style_dim": style[1],
        "mlp_dim": style[0],
        "downs": convolutions - 1,
        "blocks": _count(shapes, r"dec\.model\.0\.model\.\d+\.model\.0\.conv\.weight"),
        "style_encoder": "enc_style.model.0.conv.weight" in shapes,
    }


def _count(shapes: Shapes, pattern: str) -> int:
    return sum(1 for name in shapes if re.fullmatch(pattern, name))


@dataclass(frozen=True)
class Family:
    """One published family.

    Attributes:
        factory: built-in name of its architecture.
        read: shapes to the factory's arguments.
        unused: pattern of names that its files hold and its networks never use.
    """

    factory: str
    read: Callable[[Shapes], Arguments]
    unused: str = "(?!)"


FAMILIES: dict[str, Family] = {
    "resnet": Family("resnet", read_resnet),
    "unet": Family("unet", read_unet),
    "spade": Family("spade", read_spade),
    "munit": Family("munit", read_munit, unused=r"dec\..*\.norm\.running_(mean|var)"),
    "stylegan2": Family("stylegan2", read_stylegan2),
    "distylegan": Family("distylegan", read_distylegan),
}
