"""MUNIT (Huang et al. 2018): an image's content rendered in another domain's style.

Tensor names equal those of the published checkpoints, so their state dicts load without renaming.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gancompress.batch import Input, InputSpec
from gancompress.errors import DataError

ConvNorm = Literal["none", "instance", "layer", "adaptive"]
Activation = Literal["relu", "lrelu", "prelu", "selu", "tanh", "none"]
Padding = Literal["reflect", "replicate", "zero"]

_PADS: dict[Padding, type[nn.Module]] = {
    "reflect": nn.ReflectionPad2d,
    "replicate": nn.ReplicationPad2d,
    "zero": nn.ZeroPad2d,
}


@dataclass(frozen=True)
class Form:
    """What all convolutions of a network share."""

    padding: Padding
    activation: Activation


class MUNITGenerator(nn.Module):
    """Content encoder, style encoder, and a decoder whose norms the style sets (AdaIN).

    Args:
        channels: of the images.
        width: channels of the first convolution of each encoder (ngf).
        style_dim: length of a style.
        mlp_dim: width of the network from style to AdaIN parameters.
        downs: down-samplings of the content encoder.
        blocks: residual blocks of the content encoder, and of the decoder.
        style_encoder: without it a style must be given (a generator for random styles only).
        activation: between the convolutions (activ); the slope of ``lrelu`` is 0.2.
        padding: at the borders of all convolutions (pad_type).
        resolution: the size it is meant for; any multiple of 2^downs works.
    """

    def __init__(
        self,
        channels: int = 3,
        width: int = 64,
        style_dim: int = 8,
        mlp_dim: int = 256,
        downs: int = 2,
        blocks: int = 4,
        style_encoder: bool = True,
        activation: Activation = "relu",
        padding: Padding = "reflect",
        resolution: int = 256,
    ) -> None:
        super().__init__()
        form = Form(padding, activation)
        self.inputs: InputSpec = {
            "image": Input("image", (channels, resolution, resolution)),
            "z": Input("normal", (style_dim,)),
        }
        self.enc_style = _style_encoder(channels, width, style_dim, form) if style_encoder else None
        self.enc_content = _content_encoder(channels, width, downs, blocks, form)
        self.dec = Decoder(channels, width * 2**downs, ups=downs, blocks=blocks, form=form)
        self.mlp = _chain(
            _Linear(style_dim, mlp_dim, activation),
            _Linear(mlp_dim, mlp_dim, activation),
            _Linear(mlp_dim, 4 * blocks * width * 2**downs, "none"),
        )
        self.apply(_initialise)

    def forward(self, image: Tensor, z: Tensor | None = None) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] rendered in the style ``z`` (N, style_dim); without one,
        in their own.
        """
        if z is None:
            if self.enc_style is None:
                raise DataError(
                    "munit: a style z must be given: it was built without style encoder"
                )
            z = self.enc_style(image).flatten(1)
        return self.dec(self.enc_content(image), self.mlp(z))  # type: ignore[no-any-return]


class Decoder(nn.Module):
    """Residual blocks with AdaIN, then up-sampling and 5×5 convolutions to the image."""

    def __init__(self, channels: int, trunk: int, ups: int, blocks: int, form: Form) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            _chain(*(ResidualBlock(trunk, "adaptive", form) for _ in range(blocks)))
        ]
        for _ in range(ups):
            layers.append(nn.Upsample(scale_factor=2.0, mode="nearest"))
            layers.append(Conv(trunk, trunk // 2, 5, form, padding=2, norm="layer"))
            trunk //= 2
        last = Form(form.padding, "tanh")
        layers.append(Conv(trunk, channels, 7, last, padding=3, norm="none"))
        self.model = nn.Sequential(*layers)

    def forward(self, content: Tensor, styles: Tensor) -> Tensor:
        """Content (N, C, h, w) and AdaIN parameters (N, 4·blocks·C): shift, scale of each norm."""
        first, *others = self.model
        blocks = list(first.get_submodule("model").children())
        chunks = styles.chunk(4 * len(blocks), dim=1)
        h = content
        for index, block in enumerate(blocks):
            h = block(h, chunks[4 * index : 4 * index + 4])
        for layer in others:
            h = layer(h)
        return h


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions added to the input."""

    def __init__(self, channels: int, norm: ConvNorm, form: Form) -> None:
        super().__init__()
        linear = Form(form.padding, "none")
        self.model = nn.Sequential(
            Conv(channels, channels, 3, form, padding=1, norm=norm),
            Conv(channels, channels, 3, linear, padding=1, norm=norm),
        )

    def forward(self, x: Tensor, styles: Sequence[Tensor] = ()) -> Tensor:
        h = self.model[0](x, styles[:2])
        return x + self.model[1](h, styles[2:])  # type: ignore[no-any-return]


class Conv(nn.Module):
    """Padded convolution, normalisation, activation."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        form: Form,
        stride: int = 1,
        padding: int = 0,
        norm: ConvNorm = "instance",
    ) -> None:
        super().__init__()
        self.pad = _PADS[form.padding](padding)
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride)
        self.norm: nn.Module | None = None
        if norm == "instance":
            self.norm = nn.InstanceNorm2d(out_channels)
        elif norm == "layer":
            self.norm = LayerNorm(out_channels)
        self.adaptive = norm == "adaptive"
        self.kind = form.activation
        self.activation = _slopes(self.kind)

    def forward(self, x: Tensor, style: Sequence[Tensor] = ()) -> Tensor:
        """``style``: shift and scale (N, out) of an adaptive norm (AdaIN, equation 8)."""
        h: Tensor = self.conv(self.pad(x))
        if self.norm is not None:
            h = self.norm(h)
        if self.adaptive:
            shift, scale = style
            h = F.instance_norm(h) * scale[:, :, None, None] + shift[:, :, None, None]
        return _activated(h, self.kind, self.activation)


class LayerNorm(nn.Module):
    """Over channels and pixels of each sample, with a scale and shift for each channel."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.gamma = nn.Parameter(torch.rand(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean(dim=(1, 2, 3), keepdim=True)
        deviation = x.std(dim=(1, 2, 3), keepdim=True)
        h = (x - mean) / (deviation + self.eps)
        return h * self.gamma[:, None, None] + self.beta[:, None, None]


class _Linear(nn.Module):
    def __init__(self, in_features: int, out_features: int, activation: Activation) -> None:
        super().__init__()
        self.fc = nn.Linear(in_features, out_features)
        self.kind = activation
        self.activation = _slopes(activation)

    def forward(self, x: Tensor) -> Tensor:
        return _activated(self.fc(x), self.kind, self.activation)


class _Chain(nn.Module):
    """Modules in a row under the name ``model``, as the published files have them."""

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        super().__init__()
        self.model = nn.Sequential(*modules)

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)  # type: ignore[no-any-return]


def _chain(*modules: nn.Module) -> _Chain:
    return _Chain(modules)


def _slopes(kind: Activation) -> nn.Module | None:
    """The one activation that has a parameter."""
    return nn.PReLU() if kind == "prelu" else None


def _activated(h: Tensor, kind: Activation, slopes: nn.Module | None) -> Tensor:
    match kind:
        case "relu":
            return F.relu(h)
        case "lrelu":
            return F.leaky_relu(h, 0.2)
        case "selu":
            return F.selu(h)
        case "tanh":
            return h.tanh()
    return h if slopes is None else slopes(h)


def _style_encoder(channels: int, width: int, style_dim: int, form: Form) -> _Chain:
    """Four halvings without normalisation, which would remove the style; then the mean."""
    halvings = [(width, 2 * width), (2 * width, 4 * width), *[(4 * width, 4 * width)] * 2]
    return _chain(
        Conv(channels, width, 7, form, padding=3, norm="none"),
        *(Conv(a, b, 4, form, stride=2, padding=1, norm="none") for a, b in halvings),
        nn.AdaptiveAvgPool2d(1),
        nn.Conv2d(4 * width, style_dim, 1),
    )


def _content_encoder(channels: int, width: int, downs: int, blocks: int, form: Form) -> _Chain:
    layers: list[nn.Module] = [Conv(channels, width, 7, form, padding=3)]
    for _ in range(downs):
        layers.append(Conv(width, 2 * width, 4, form, stride=2, padding=1))
        width *= 2
    residual = (ResidualBlock(width, "instance", form) for _ in range(blocks))
    return _chain(*layers, _chain(*residual))


def _initialise(module: nn.Module) -> None:
    """Kaiming normal without bias, as published."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.kaiming_normal_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
