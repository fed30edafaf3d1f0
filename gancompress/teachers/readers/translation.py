"""Image-to-image families of pix2pix, CycleGAN, GauGAN and GAN Compression, and MUNIT."""

import re

from torch import Tensor

from gancompress.teachers.family import Arguments, Shapes, Tensors, count, renamed


def convert_resnet(tensors: Tensors) -> dict[str, Tensor]:
    """Tensors under the publishers' names; some later copies call a block's layers ``block``."""
    return renamed(tensors, (r"^(model\.\d+)\.block\.", r"\1.conv_block."))


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
        "norm_kind": _norm_kind(shapes, "model.2"),
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
        "downs": 1 + count(shapes, r"model\.model\.1(\.model\.3)*\.model\.1\.weight"),
        "norm_kind": _norm_kind(shapes, "model.model.1.model.2"),
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


def _norm_kind(shapes: Shapes, name: str) -> str:
    """What the tensors of the normalisation ``name`` say of it."""
    affine, tracked = f"{name}.weight" in shapes, f"{name}.running_mean" in shapes
    if affine:
        return "batch" if tracked else "instance_affine"
    # Without a count of batches the statistics are of PyTorch before 0.4, which never used them.
    return "instance_tracked" if f"{name}.num_batches_tracked" in shapes else "instance"


def read_munit(shapes: Shapes) -> Arguments:
    """One of MUNIT's two autoencoders."""
    stem, style = shapes["enc_content.model.0.conv.weight"], shapes["mlp.model.0.fc.weight"]
    convolutions = count(shapes, r"enc_content\.model\.\d+\.conv\.weight")
    return {
        "channels": stem[1],
        "width": stem[0],
        "style_dim": style[1],
        "mlp_dim": style[0],
        "downs": convolutions - 1,
        "blocks": count(shapes, r"dec\.model\.0\.model\.\d+\.model\.0\.conv\.weight"),
        "style_encoder": "enc_style.model.0.conv.weight" in shapes,
    }
