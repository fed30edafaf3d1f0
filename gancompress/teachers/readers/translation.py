"""Image-to-image families of pix2pix, CycleGAN, CUT, GauGAN and GAN Compression, and MUNIT."""

import math
import re

from torch import Tensor

from gancompress.generators.norms import needs_bias
from gancompress.generators.spade import DOUBLINGS
from gancompress.teachers.family import Arguments, Shapes, Tensors, count, renamed

# The layers of a residual block that have tensors, by how it pads and whether it drops out.
_BLOCKS = {(1, 5): ("reflect", False), (1, 6): ("reflect", True)}
_BLOCKS |= {(0, 3): ("zero", False), (0, 4): ("zero", True)}

_OLD_STATISTICS = (
    "its instance norms carry statistics without a count of batches, as PyTorch before 0.4 wrote "
    "them and never used them; norm_kind=instance_tracked uses them"
)


def convert_resnet(tensors: Tensors) -> dict[str, Tensor]:
    """Tensors under the publishers' names; some later copies call a block's layers ``block``."""
    return renamed(tensors, (r"^(model\.\d+)\.block\.", r"\1.conv_block."))


def read_resnet(shapes: Shapes) -> Arguments:
    """ResNet generators of CycleGAN, pix2pix and CUT, GAN Compression's mobile and cut forms."""
    blocks = sorted(
        {int(m[1]) for n in shapes if (m := re.match(r"model\.(\d+)\.conv_block\.", n))}
    )
    outer = sorted({int(m[1]) for n in shapes if (m := re.match(r"model\.(\d+)\.weight$", n))})
    convs = [place for place in outer if len(shapes[f"model.{place}.weight"]) == 4]
    blurs = [int(m[1]) for n in shapes if (m := re.match(r"model\.(\d+)\.filt$", n))]
    stem, first, second, up1, up2, last = convs
    padding, dropout, inner, separable = _read_blocks(shapes, blocks)
    trunk = shapes[f"model.{second}.weight"][0]
    # A blurred up-sampling convolves forwards, outputs first.
    way = 0 if any(place > blocks[0] for place in blurs) else 1
    groups = [inner[len(inner) * third // 3] // 4 for third in range(3)]
    widths = [
        shapes[f"model.{stem}.weight"][0],
        shapes[f"model.{first}.weight"][0] // 2,
        trunk // 4,
        *groups,
        shapes[f"model.{up1}.weight"][way] // 2,
        shapes[f"model.{up2}.weight"][way],
    ]
    kind = norm_kind(shapes, f"model.{stem}", f"model.{stem + 1}")
    return {
        "in_channels": shapes[f"model.{stem}.weight"][1],
        "out_channels": shapes[f"model.{last}.weight"][0],
        **({"width": widths[0]} if len(set(widths)) == 1 else {"widths": widths}),
        "blocks": len(blocks),
        "norm_kind": kind,
        # The probability leaves no trace in a file, and a teacher drops nothing.
        "dropout": 0.0 if dropout else None,
        "separable": separable,
        "narrow": "all" if _alike_in_thirds(inner) else "first",
        "padding": padding,
        "antialias_down": any(place < blocks[0] for place in blurs),
        "antialias_up": any(place > blocks[0] for place in blurs),
        **_bias(shapes, f"model.{stem}", kind),
    }


def _read_blocks(shapes: Shapes, blocks: list[int]) -> tuple[str, bool, list[int], bool]:
    """Padding, whether they drop out, channels inside each, and whether they are separable."""
    start = f"model.{blocks[0]}.conv_block."
    layers = {
        int(found[1]): shape
        for name, shape in shapes.items()
        if (found := re.match(rf"{re.escape(start)}(\d+)(\.conv\.2)?\.weight$", name))
        and len(shape) == 4
    }
    if tuple(sorted(layers)) not in _BLOCKS:
        raise KeyError(start)
    padding, dropout = _BLOCKS[tuple(sorted(layers))]  # type: ignore[index]
    separable = f"{start}{min(layers)}.conv.2.weight" in shapes
    weight = f"{min(layers)}.{'conv.2.' if separable else ''}weight"
    inner = [shapes[f"model.{place}.conv_block.{weight}"][0] for place in blocks]
    return padding, dropout, inner, separable


def _alike_in_thirds(inner: list[int]) -> bool:
    """Whether all blocks of each third have one width; else the older class made them."""
    thirds = [[inner[i] for i in range(len(inner)) if 3 * i // len(inner) == t] for t in range(3)]
    return all(len(set(third)) <= 1 for third in thirds)


def assume_resnet(shapes: Shapes, arguments: Arguments) -> dict[str, str]:
    """What the tensors of a ResNet do not show."""
    found = {}
    if arguments["padding"] == "reflect":
        found["padding"] = "as published; padding=replicate has the same tensors"
    if arguments["norm_kind"] == "instance":
        tracked = any(name.endswith("running_mean") for name in shapes)
        found["norm_kind"] = (
            _OLD_STATISTICS if tracked else "it goes with biases; instance norms have no tensors"
        )
    return found


def read_unet(shapes: Shapes) -> Arguments:
    """U-Nets of pix2pix; 7 down-samplings are UNet-128, 8 are UNet-256."""
    outermost = shapes["model.model.0.weight"]
    kind = norm_kind(shapes, "model.model.1.model.1", "model.model.1.model.2")
    return {
        "in_channels": outermost[1],
        "out_channels": shapes["model.model.3.weight"][1],
        "width": outermost[0],
        "downs": 1 + count(shapes, r"model\.model\.1(\.model\.3)*\.model\.1\.weight"),
        "norm_kind": kind,
        **_bias(shapes, "model.model.0", kind),
    }


def assume_unet(shapes: Shapes, arguments: Arguments) -> dict[str, str]:
    """What the tensors of a U-Net do not show."""
    if arguments["norm_kind"] != "instance":
        return {}
    tracked = any(name.endswith("running_mean") for name in shapes)
    return {
        "norm_kind": _OLD_STATISTICS
        if tracked
        else "it goes with biases; instance norms have no tensors"
    }


def convert_spade(tensors: Tensors) -> dict[str, Tensor]:
    """Statistics cut to the maps that they are of.

    GAN Compression's compressed networks keep those of the full width, whose first channels count.
    """
    cut = {}
    for name, value in tensors.items():
        layer, separator, statistic = name.partition(".param_free_norm.running_")
        gamma = tensors.get(f"{layer}.mlp_gamma.conv.2.weight", value)
        cut[name] = value[: gamma.shape[0]] if separator and statistic else value
    return cut


def read_spade(shapes: Shapes) -> Arguments:
    """GauGAN, and GAN Compression's mobile and cut forms of it.

    The up-sampling is not to be seen in the tensors. Cityscapes is known by its 36 channels (35
    classes and the instance edges); whatever else is taken to be 'normal' at 256×256.
    """
    hidden, first = shapes["head_0.norm_0.mlp_shared.0.weight"], shapes["fc.weight"]
    most = "up_4.conv_0.weight" in shapes
    cityscapes = hidden[1] == 36
    channels = shapes["head_0.conv_0.weight"][1]
    upsampling = "most" if most else "more" if cityscapes else "normal"
    size = (256, 512) if cityscapes else (256, 256)
    latent = len(first) == 2
    if latent:
        size = _size_of(first[0] // channels, 2 ** DOUBLINGS[upsampling])  # type: ignore[index]
    normed = "head_0.norm_0.param_free_norm.running_mean" in shapes
    arguments: Arguments = {
        "label_channels": hidden[1],
        "out_channels": shapes["conv_img.weight"][0],
        "upsampling": upsampling,
        "size": size,
        "separable": "head_0.norm_0.mlp_gamma.conv.0.weight" in shapes,
        "norm_kind": "batch" if normed else "instance",
        "kernel_size": hidden[2],
        "z_dim": first[1] if latent else 0,
    }
    factors = {"head_0": 16, "G_middle_0": 16, "G_middle_1": 16, "up_0": 8, "up_1": 4, "up_2": 2}
    inner = [shapes[f"{name}.conv_0.weight"][0] // n for name, n in (factors | {"up_3": 1}).items()]
    widths = [channels // 16, *inner]
    if len(set(widths)) == 1:
        return {**arguments, "width": widths[0], "hidden": hidden[0]}
    return {**arguments, "widths": widths}


def _size_of(area: int, factor: int) -> tuple[int, int]:
    """Height and width of the image from the pixels of the first map: square, or twice as wide."""
    side = math.isqrt(area)
    if side * side == area:
        return side * factor, side * factor
    side = math.isqrt(area // 2)
    return side * factor, area // side * factor


def assume_spade(shapes: Shapes, arguments: Arguments) -> dict[str, str]:
    """What the tensors of GauGAN do not show."""
    kind = "Cityscapes, by its 36 label channels" if arguments["label_channels"] == 36 else "COCO"
    found = {"size": f"as published for {kind}"}
    if arguments["upsampling"] != "most":
        found["upsampling"] = f"as published for {kind}; 'normal' and 'more' have the same tensors"
    if arguments["separable"]:
        found["separable_norm"] = "as in GAN Compression's compressed files; 'none' looks the same"
    return found


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
        "activation": "prelu" if "mlp.model.0.activation.weight" in shapes else "relu",
    }


def assume_munit(_: Shapes, arguments: Arguments) -> dict[str, str]:
    """What the tensors of MUNIT do not show."""
    found = {"padding": "pad_type of its published configurations; zero and replicate look alike"}
    if arguments["activation"] == "relu":
        found["activation"] = "activ of its published configurations; lrelu and selu look alike"
    return found


def norm_kind(shapes: Shapes, conv: str, name: str) -> str:
    """What the tensors of the normalisation ``name`` after the convolution ``conv`` say of it."""
    affine, tracked = f"{name}.weight" in shapes, f"{name}.running_mean" in shapes
    if affine:
        return "batch" if tracked else "instance_affine"
    if f"{name}.num_batches_tracked" in shapes:
        return "instance_tracked"
    # An instance norm goes with biases; where there are none, there is no norm either.
    return "instance" if f"{conv}.bias" in shapes or tracked else "none"


def _bias(shapes: Shapes, conv: str, kind: str) -> Arguments:
    """The bias of the convolutions before norms, where it is not as published for the norm."""
    held = f"{conv}.bias" in shapes
    return {} if held == needs_bias(kind) else {"bias": held}  # type: ignore[arg-type]
