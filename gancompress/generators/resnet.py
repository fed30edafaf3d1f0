"""The residual image-to-image generator of CycleGAN and pix2pix (Johnson et al. 2016).

Tensor names equal those of the published checkpoints, so their state dicts load without renaming.
"""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from gancompress.batch import Input, InputSpec
from gancompress.errors import RecipeError
from gancompress.generators.antialias import BlurDown, BlurUp
from gancompress.generators.norms import Norm, SeparableConv2d, needs_bias, norm

Padding = Literal["reflect", "replicate", "zero"]


class ResNetGenerator(nn.Module):
    """Two down-samplings, residual blocks, two up-samplings.

    Args:
        in_channels: of the input image.
        out_channels: of the output image.
        width: channels of the stem (ngf); twice and four times as many after the down-samplings.
        blocks: residual blocks; 9 for 256 pixels, 6 for 128.
        norm_kind: ``instance`` (CycleGAN), ``batch`` (pix2pix), or another of
            :data:`gancompress.generators.norms.Norm`.
        dropout: probability inside the blocks. None leaves the layer out, which moves the second
            convolution of a block from ``conv_block.6`` to ``conv_block.5``, as in published files.
        separable: separable convolutions in the residual blocks (GAN Compression's mobile form).
        widths: GAN Compression's configuration instead of ``width``, before the factors ×1, ×2 and
            ×4 of the three resolutions: stem, first and second down-sampling, inside the first,
            middle and last third of the blocks, first and second up-sampling. Six numbers have one
            inner width for all blocks.
        narrow: ``all``: every block takes its inner width from ``widths``; ``first``: the first of
            every three does, the others keep the trunk's, as in GAN Compression's older class.
        padding: at the borders of the blocks. The first and last convolution always reflect.
        antialias_down: down-samplings are convolutions and a blur, CUT's default.
        antialias_up: up-samplings are a blur and a convolution, CUT's default.
        bias: of the convolutions before a norm; None as published, where the norm is an instance
            norm.
        resolution: the size it is meant for; any multiple of 4 works.
    """

    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 3,
        width: int = 64,
        blocks: int = 9,
        norm_kind: Norm = "instance",
        dropout: float | None = None,
        separable: bool = False,
        widths: Sequence[int] | None = None,
        narrow: Literal["all", "first"] = "all",
        padding: Padding = "reflect",
        antialias_down: bool = False,
        antialias_up: bool = False,
        bias: bool | None = None,
        resolution: int = 256,
    ) -> None:
        super().__init__()
        stem, down1, down2, inner, up1, up2 = _slots(width, blocks, widths)
        if narrow == "first":
            inner = [size if i % 3 == 0 else down2 for i, size in enumerate(inner)]
        # A batch norm would subtract a bias again.
        biased = needs_bias(norm_kind) if bias is None else bias
        self.inputs: InputSpec = {"image": Input("image", (in_channels, resolution, resolution))}
        layers: list[nn.Module] = [
            nn.ReflectionPad2d(3),
            nn.Conv2d(in_channels, stem, 7, bias=biased),
        ]
        layers += [norm(norm_kind, stem), nn.ReLU()]
        for a, b in ((stem, down1), (down1, down2)):
            layers += _down(a, b, norm_kind, biased, antialias_down)
        layers += [
            ResidualBlock(
                down2,
                size,
                norm_kind=norm_kind,
                dropout=dropout,
                separable=separable,
                padding=padding,
                bias=biased,
            )
            for size in inner
        ]
        for a, b in ((down2, up1), (up1, up2)):
            layers += _up(a, b, norm_kind, biased, antialias_up)
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(up2, out_channels, 7), nn.Tanh()]
        self.model = nn.Sequential(*layers)
        self.apply(initialise)

    def forward(self, image: Tensor) -> Tensor:
        """(N, in_channels, H, W) in [-1, 1] to (N, out_channels, H, W) in [-1, 1]."""
        return self.model(image)  # type: ignore[no-any-return]


class ResidualBlock(nn.Module):
    """Two padded 3×3 convolutions, ``inner`` channels between them, added to the input."""

    def __init__(
        self,
        channels: int,
        inner: int,
        norm_kind: Norm,
        dropout: float | None = None,
        separable: bool = False,
        padding: Padding = "reflect",
        bias: bool = True,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [*_conv(channels, inner, bias, separable, padding)]
        layers += [norm(norm_kind, inner), nn.ReLU()]
        if dropout is not None:
            layers.append(nn.Dropout(dropout))
        layers += _conv(inner, channels, bias, separable, padding)
        layers.append(norm(norm_kind, channels))
        self.conv_block = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv_block(x)  # type: ignore[no-any-return]


def initialise(module: nn.Module) -> None:
    """Weights ~ N(0, .02) and scales of norms ~ N(1, .02), as pix2pix and CycleGAN train."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d | nn.InstanceNorm2d) and module.affine:
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


def _down(a: int, b: int, norm_kind: Norm, bias: bool, antialias: bool) -> list[nn.Module]:
    stride = 1 if antialias else 2
    layers = [nn.Conv2d(a, b, 3, stride, padding=1, bias=bias), norm(norm_kind, b), nn.ReLU()]
    return [*layers, BlurDown(b)] if antialias else layers


def _up(a: int, b: int, norm_kind: Norm, bias: bool, antialias: bool) -> list[nn.Module]:
    layers: list[nn.Module] = [
        nn.ConvTranspose2d(a, b, 3, stride=2, padding=1, output_padding=1, bias=bias)
    ]
    if antialias:
        layers = [BlurUp(a), nn.Conv2d(a, b, 3, padding=1, bias=bias)]
    return [*layers, norm(norm_kind, b), nn.ReLU()]


def _conv(
    in_channels: int, out_channels: int, bias: bool, separable: bool, padding: Padding
) -> list[nn.Module]:
    """A convolution and, but for zeros, the layer that pads before it."""
    zeros = 1 if padding == "zero" else 0
    pads: dict[Padding, list[nn.Module]] = {
        "reflect": [nn.ReflectionPad2d(1)],
        "replicate": [nn.ReplicationPad2d(1)],
        "zero": [],
    }
    conv: nn.Module
    if separable:
        # Their own norms are instance norms, whatever norm the network has, and so need a bias.
        conv = SeparableConv2d(in_channels, out_channels, 3, padding=zeros)
    else:
        conv = nn.Conv2d(in_channels, out_channels, 3, padding=zeros, bias=bias)
    return [*pads[padding], conv]


def _slots(
    width: int, blocks: int, widths: Sequence[int] | None
) -> tuple[int, int, int, list[int], int, int]:
    """Channels of stem, two down-samplings, the inside of each block, and two up-samplings."""
    slots = [width] * 8 if widths is None else list(widths)
    if len(slots) == 6:
        slots = [*slots[:3], slots[3], slots[3], *slots[3:]]
    if len(slots) != 8 or any(size < 1 for size in slots):
        raise RecipeError(
            f"resnet: widths {slots}: must be eight positive numbers (stem, two "
            "down-samplings, three groups of blocks, two up-samplings), or six: one for all blocks"
        )
    inner = [4 * slots[3 + 3 * block // blocks] for block in range(blocks)]
    return slots[0], 2 * slots[1], 4 * slots[2], inner, 2 * slots[6], slots[7]
