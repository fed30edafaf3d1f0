"""GauGAN: the SPADE generator (Park et al. 2019) and GAN Compression's separable form of it.

Tensor names equal those of the published checkpoints, so their state dicts load without renaming:
with ``spectral`` those of files that still carry ``weight_orig``, ``weight_u`` and ``weight_v``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Form:
    """What all SPADE layers of a network share."""

    label_channels: int
    norm_kind: Literal["batch", "instance"]
    kernel_size: int
    separable: bool
    separable_norm: Literal["instance", "none"]

    def conv(self, in_channels: int, out_channels: int) -> nn.Module:
        """From the hidden maps to scales or shifts."""
        padding = self.kernel_size // 2
        if not self.separable:
            return nn.Conv2d(in_channels, out_channels, self.kernel_size, padding=padding)
        return SeparableConv2d(
            in_channels,
            out_channels,
            self.kernel_size,
            padding=padding,
            norm_kind=self.separable_norm,
        )


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
        norm_kind: inside the SPADE layers, ``batch`` as published, or ``instance``.
        kernel_size: of the convolutions inside the SPADE layers: 3 or 5.
        separable_norm: inside their separable convolutions: ``instance``, or ``none``.
        z_dim: length of a latent that the first map is made of (use_vae); 0: of the label map.
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
        norm_kind: Literal["batch", "instance"] = "batch",
        kernel_size: int = 3,
        separable_norm: Literal["instance", "none"] = "instance",
        z_dim: int = 0,
    ) -> None:
        super().__init__()
        self.start = _start(upsampling, size, separable)
        self.inputs: InputSpec = {"label_map": Input("label_map", (label_channels, *size))}
        if z_dim:
            self.inputs["z"] = Input("normal", (z_dim,))
        slots = _slots(width, upsampling, widths)
        channels = 16 * slots[0]
        form = Form(
            label_channels=label_channels,
            norm_kind=norm_kind,
            kernel_size=kernel_size,
            separable=separable,
            separable_norm=separable_norm,
        )
        self.fc: nn.Module = nn.Conv2d(label_channels, channels, 3, padding=1)
        if z_dim:
            self.fc = nn.Linear(z_dim, channels * self.start[0] * self.start[1])
        self.doubled = {"G_middle_0", *(name for name in FACTORS if name.startswith("up_"))}
        if upsampling != "normal":
            self.doubled.add("G_middle_1")
        self.order = list(FACTORS)
        for (name, factor), slot in zip(FACTORS.items(), slots[1:], strict=True):
            inner = slot * factor
            out = inner if name.startswith("up_") else channels
            inside = hidden if widths is None else 2 * slot
            block = SPADEBlock(
                channels, inner, out=out, hidden=inside, form=form, spectral=spectral
            )
            self.add_module(name, block)
            channels = out
        if upsampling == "most":
            half = channels // 2
            self.up_4 = SPADEBlock(
                channels, half, out=half, hidden=hidden, form=form, spectral=spectral
            )
            self.doubled.add("up_4")
            self.order.append("up_4")
            channels = half
        self.conv_img = nn.Conv2d(channels, out_channels, 3, padding=1)
        self.apply(_initialise)

    def forward(self, label_map: Tensor, z: Tensor | None = None) -> Tensor:
        """One-hot maps (N, label_channels, H, W), and latents (N, z_dim) where it has one, to
        images (N, out_channels, H, W) in [-1, 1].
        """
        if z is None:
            h = self.fc(F.interpolate(label_map, size=self.start, mode="nearest"))
        else:
            h = self.fc(z)
            h = h.view(h.size(0), -1, *self.start)
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
        hidden: int,
        form: Form,
        spectral: bool,
    ) -> None:
        super().__init__()
        conv = SpectralConv2d if spectral else nn.Conv2d
        self.conv_0 = conv(channels, inner, 3, padding=1)
        self.conv_1 = conv(inner, out, 3, padding=1)
        self.norm_0 = SPADE(channels, hidden, form)
        self.norm_1 = SPADE(inner, hidden, form)
        self.shortcut = channels != out
        if self.shortcut:
            self.conv_s = conv(channels, out, 1, bias=False)
            self.norm_s = SPADE(channels, hidden, form)

    def forward(self, x: Tensor, label_map: Tensor) -> Tensor:
        h = self.conv_0(F.leaky_relu(self.norm_0(x, label_map), 0.2))
        h = self.conv_1(F.leaky_relu(self.norm_1(h, label_map), 0.2))
        if self.shortcut:
            x = self.conv_s(self.norm_s(x, label_map))
        return x + h  # type: ignore[no-any-return]


class SPADE(nn.Module):
    """A norm whose scale and shift are maps computed from the labels (Park 2019, eq. 1)."""

    def __init__(self, channels: int, hidden: int, form: Form) -> None:
        super().__init__()
        size, padding = form.kernel_size, form.kernel_size // 2
        self.param_free_norm: nn.Module = nn.BatchNorm2d(channels, affine=False)
        if form.norm_kind == "instance":
            self.param_free_norm = nn.InstanceNorm2d(channels, affine=False)
        self.mlp_shared = nn.Sequential(
            nn.Conv2d(form.label_channels, hidden, size, padding=padding), nn.ReLU()
        )
        self.mlp_gamma = form.conv(hidden, channels)
        self.mlp_beta = form.conv(hidden, channels)

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
