"""GauGAN: the SPADE generator (Park et al. 2019) and GAN Compression's separable form of it.

Tensor names equal those of the published checkpoints, so their state dicts load without renaming:
with ``spectral`` those of files that still carry ``weight_orig``, ``weight_u`` and ``weight_v``.
"""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from gancompress.batch import Input, InputSpec
from gancompress.errors import RecipeError
from gancompress.generators.norms import SeparableConv2d
from gancompress.generators.spectral import SpectralConv2d

Upsampling = Literal["normal", "more", "most"]

# How often the map that the first convolution sees is doubled on its way to the image.
DOUBLINGS: dict[Upsampling, int] = {"normal": 5, "more": 6, "most": 7}

# Channels of the residual blocks in units of the width.
FACTORS = {
    "head_0": 16,
    "G_middle_0": 16,
    "G_middle_1": 16,
    "up_0": 8,
    "up_1": 4,
    "up_2": 2,
    "up_3": 1,
}


class SPADEGenerator(nn.Module):
    """A label map, seen at every resolution, to an image.

    Args:
        label_channels: of the label map: the classes, and one for instance edges where used.
        out_channels: of the image.
        width: channels before the last convolution (ngf); sixteen times as many at the start.
        upsampling: ``normal`` doubles 5 times, ``more`` 6, ``most`` 7 with one more block.
        size: height and width of the image, multiples of 2^doublings.
        hidden: channels inside the SPADE layers: 128 as published; 2·width in the mobile form.
        separable: separable convolutions inside the SPADE layers (GAN Compression's mobile form).
        spectral: spectral norm on the convolutions of the residual blocks.
        widths: GAN Compression's eight numbers instead of ``width`` and ``hidden``: the first
            convolution, then inside each block of :data:`FACTORS`; ``hidden`` of a block is twice
            its number.
    """

    def __init__(
        self,
        label_channels: int = 36,
        out_channels: int = 3,
        width: int = 64,
        upsampling: Upsampling = "more",
        size: tuple[int, int] = (256, 512),
        hidden: int = 128,
        separable: bool = False,
        spectral: bool = False,
        widths: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        self.start = _start(upsampling, size, separable)
        self.inputs: InputSpec = {"label_map": Input("label_map", (label_channels, *size))}
        slots = _slots(width, upsampling, widths)
        channels = 16 * slots[0]
        self.fc = nn.Conv2d(label_channels, channels, 3, padding=1)
        self.doubled = {"G_middle_0", *(name for name in FACTORS if name.startswith("up_"))}
        if upsampling != "normal":
            self.doubled.add("G_middle_1")
        self.order = list(FACTORS)
        for (name, factor), slot in zip(FACTORS.items(), slots[1:], strict=True):
            inner = slot * factor
            out = inner if name.startswith("up_") else channels
            inside = hidden if widths is None else 2 * slot
            block = SPADEBlock(channels, inner, out, label_channels, inside, separable, spectral)
            self.add_module(name, block)
            channels = out
        if upsampling == "most":
            half = channels // 2
            self.up_4 = SPADEBlock(
                channels, half, half, label_channels, hidden, separable, spectral
            )
            self.doubled.add("up_4")
            self.order.append("up_4")
            channels = half
        self.conv_img = nn.Conv2d(channels, out_channels, 3, padding=1)
        self.apply(_initialise)

    def forward(self, label_map: Tensor) -> Tensor:
        """One-hot maps (N, label_channels, H, W) to images (N, out_channels, H, W) in [-1, 1]."""
        h = self.fc(F.interpolate(label_map, size=self.start, mode="nearest"))
        for name in self.order:
            if name in self.doubled:
                h = F.interpolate(h, scale_factor=2.0, mode="nearest")
            h = self.get_submodule(name)(h, label_map)
        return self.conv_img(F.leaky_relu(h, 0.2)).tanh()  # type: ignore[no-any-return]


class SPADEBlock(nn.Module):
    """Residual block whose normalisations are SPADE; a learned shortcut where channels change."""

    def __init__(
        self,
        channels: int,
        inner: int,
        out: int,
        label_channels: int,
        hidden: int,
        separable: bool,
        spectral: bool,
    ) -> None:
        super().__init__()
        conv = SpectralConv2d if spectral else nn.Conv2d
        self.conv_0 = conv(channels, inner, 3, padding=1)
        self.conv_1 = conv(inner, out, 3, padding=1)
        self.norm_0 = SPADE(channels, label_channels, hidden, separable)
        self.norm_1 = SPADE(inner, label_channels, hidden, separable)
        self.shortcut = channels != out
        if self.shortcut:
            self.conv_s = conv(channels, out, 1, bias=False)
            self.norm_s = SPADE(channels, label_channels, hidden, separable)

    def forward(self, x: Tensor, label_map: Tensor) -> Tensor:
        h = self.conv_0(F.leaky_relu(self.norm_0(x, label_map), 0.2))
        h = self.conv_1(F.leaky_relu(self.norm_1(h, label_map), 0.2))
        if self.shortcut:
            x = self.conv_s(self.norm_s(x, label_map))
        return x + h  # type: ignore[no-any-return]


class SPADE(nn.Module):
    """Batch norm whose scale and shift are maps computed from the labels (Park 2019, eq. 1)."""

    def __init__(self, channels: int, label_channels: int, hidden: int, separable: bool) -> None:
        super().__init__()
        self.param_free_norm = nn.BatchNorm2d(channels, affine=False)
        self.mlp_shared = nn.Sequential(nn.Conv2d(label_channels, hidden, 3, padding=1), nn.ReLU())
        conv = SeparableConv2d if separable else nn.Conv2d
        self.mlp_gamma = conv(hidden, channels, 3, padding=1)
        self.mlp_beta = conv(hidden, channels, 3, padding=1)

    def forward(self, x: Tensor, label_map: Tensor) -> Tensor:
        labels = F.interpolate(label_map, size=x.shape[2:], mode="nearest")
        h = self.mlp_shared(labels)
        scale: Tensor = self.mlp_gamma(h)
        return self.param_free_norm(x) * (1 + scale) + self.mlp_beta(h)  # type: ignore[no-any-return]


def _start(upsampling: Upsampling, size: tuple[int, int], separable: bool) -> tuple[int, int]:
    """Size of the map that the first convolution sees."""
    factor = 2 ** DOUBLINGS[upsampling]
    if size[0] % factor or size[1] % factor or min(size) < factor:
        raise RecipeError(
            f"spade: size {size[0]}×{size[1]}: both must be multiples of {factor} with "
            f"upsampling {upsampling!r}"
        )
    if separable and max(size) == factor:
        raise RecipeError(
            f"spade: size {size[0]}×{size[1]}: starts from one pixel with upsampling "
            f"{upsampling!r}, which the InstanceNorm of separable convolutions cannot normalise; "
            f"make a side {2 * factor}"
        )
    return size[0] // factor, size[1] // factor


def _slots(width: int, upsampling: Upsampling, widths: Sequence[int] | None) -> list[int]:
    if widths is None:
        return [width] * (1 + len(FACTORS))
    if len(widths) != 1 + len(FACTORS) or upsampling == "most":
        raise RecipeError(
            f"spade: widths {list(widths)} with upsampling {upsampling!r}: must be eight numbers "
            f"(the first convolution, {', '.join(FACTORS)}) with 'normal' or 'more'"
        )
    return list(widths)


def _initialise(module: nn.Module) -> None:
    """Xavier normal with gain .02 and no bias, as published."""
    if isinstance(module, nn.Conv2d):
        nn.init.xavier_normal_(module.weight, gain=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, SpectralConv2d):
        nn.init.xavier_normal_(module.weight_orig, gain=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
