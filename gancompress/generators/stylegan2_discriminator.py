"""The residual discriminator of StyleGAN2 and StyleGAN2-ADA, with minibatch standard deviation.

Tensor names equal those of the published ``D``.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gancompress.generators import fir
from gancompress.generators.equalized import GAIN, FullyConnected, leaky_relu
from gancompress.generators.mapping import MappingNetwork
from gancompress.generators.stylegan2 import block_resolutions


class StyleGAN2Discriminator(nn.Module):
    """Residual blocks down to 4×4; the class enters by projection of a mapped label.

    Args:
        classes: number of classes; 0 for an unconditional discriminator.
        resolution: of the images, a power of two.
        channels: of the image.
        channel_base: channels at a resolution are ``channel_base / resolution`` …
        channel_max: … but at most this.
        mapping_layers: depth of the mapping network of the label.
        conv_clamp: activations are clamped to ± this; None for no clamp.
        group: samples over which the standard deviation is taken (the largest divisor of the
            batch that is at most this); 1 leaves it at zero.
    """

    def __init__(
        self,
        classes: int = 0,
        resolution: int = 32,
        channels: int = 3,
        channel_base: int = 32768,
        channel_max: int = 512,
        mapping_layers: int = 8,
        conv_clamp: float | None = 256.0,
        group: int = 4,
    ) -> None:
        super().__init__()
        self.resolutions = block_resolutions("stylegan2_discriminator", resolution)[:0:-1]
        for size in self.resolutions:
            width, out = (min(channel_base // s, channel_max) for s in (size, size // 2))
            image_channels = channels if size == resolution else 0
            self.add_module(f"b{size}", DiscriminatorBlock(width, out, image_channels, conv_clamp))
        last = min(channel_base // 4, channel_max)
        self.mapping = (
            MappingNetwork(0, classes, last, mapping_layers, w_avg_beta=None) if classes else None
        )
        self.b4 = Epilogue(last, last if classes else 1, group, conv_clamp)

    def forward(self, image: Tensor, c: Tensor | None = None) -> tuple[Tensor, list[Tensor]]:
        """Images (N, channels, H, W) to logits (N, 1) and the map after each block."""
        features: list[Tensor] = []
        h = image
        for size in self.resolutions:
            h = self.get_submodule(f"b{size}")(h)
            features.append(h)
        logits: Tensor = self.b4(h)
        if self.mapping is not None and c is not None:
            label: Tensor = self.mapping(None, c)
            logits = (logits * label).sum(dim=1, keepdim=True) / math.sqrt(label.size(1))
        return logits, features


class DiscriminatorBlock(nn.Module):
    """Two convolutions to half the size, and a filtered 1×1 shortcut beside them."""

    def __init__(
        self, in_channels: int, out_channels: int, image_channels: int, conv_clamp: float | None
    ) -> None:
        super().__init__()
        self.register_buffer("resample_filter", fir.fir_kernel())
        if image_channels:
            self.fromrgb = EqualizedConv(image_channels, in_channels, 1, conv_clamp)
        self.from_image = image_channels > 0
        self.conv0 = EqualizedConv(in_channels, in_channels, 3, conv_clamp)
        self.conv1 = EqualizedConv(in_channels, out_channels, 3, conv_clamp, down=True)
        self.skip = EqualizedConv(in_channels, out_channels, 1, None, down=True, linear=True)

    def forward(self, x: Tensor) -> Tensor:
        h = self.fromrgb(x) if self.from_image else x
        # Each branch at √½ keeps the variance of the sum.
        half = math.sqrt(0.5)
        return self.skip(h, gain=half) + self.conv1(self.conv0(h), gain=half)  # type: ignore[no-any-return]


class Epilogue(nn.Module):
    """Minibatch standard deviation, a convolution and two linear layers at 4×4."""

    def __init__(self, channels: int, out: int, group: int, conv_clamp: float | None) -> None:
        super().__init__()
        self.group = group
        self.conv = EqualizedConv(channels + 1, channels, 3, conv_clamp)
        self.fc = FullyConnected(channels * 16, channels, activate=True)
        self.out = FullyConnected(channels, out)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.cat([x, self._deviation(x)], dim=1)
        return self.out(self.fc(self.conv(h).flatten(1)))  # type: ignore[no-any-return]

    def _deviation(self, x: Tensor) -> Tensor:
        """One map (N, 1, H, W): mean standard deviation over groups of samples."""
        n = x.size(0)
        group = next(size for size in range(min(self.group, n), 0, -1) if n % size == 0)
        # Sample i is in group i modulo n/group, as published.
        spread = x.view(group, -1, *x.shape[1:])
        variance = (spread - spread.mean(dim=0)).square().mean(dim=0)
        deviation = (variance + 1e-8).sqrt().mean(dim=(1, 2, 3))
        return deviation.repeat(group).view(-1, 1, 1, 1).expand(-1, 1, *x.shape[2:])


class EqualizedConv(nn.Module):
    """Convolution with equalised learning rate and leaky ReLU, filtered first if it halves."""

    resample_filter: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        conv_clamp: float | None,
        down: bool = False,
        linear: bool = False,
    ) -> None:
        super().__init__()
        self.conv_clamp, self.down, self.linear = conv_clamp, down, linear
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel_size, kernel_size))
        self.bias = None if linear else nn.Parameter(torch.zeros(out_channels))
        self.register_buffer("resample_filter", fir.fir_kernel())

    def forward(self, x: Tensor, gain: float = 1.0) -> Tensor:
        """(N, in, H, W) to (N, out, H, W), or half that size with ``down``; scaled by ``gain``."""
        gain = gain if self.linear else gain * GAIN
        size = self.weight.size(-1)
        weight = self.weight * (gain / math.sqrt(self.weight.size(1) * size * size))
        if self.down:
            h = fir.convolve_downsampled(x, weight, self.resample_filter)
        else:
            h = F.conv2d(x, weight, padding=size // 2)
        if self.linear or self.bias is None:
            return h
        clamp = None if self.conv_clamp is None else self.conv_clamp * gain / GAIN
        return leaky_relu(h + (self.bias * gain)[:, None, None], clamp)
