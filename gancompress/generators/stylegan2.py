"""StyleGAN2 and StyleGAN2-ADA (Karras et al. 2020): mapping and synthesis with skip outputs.

Numerically the published networks, in plain operators: a convolution is modulated by scaling its
input by the style and its output by the demodulation factor, so that one shared weight serves the
batch. Tensor names equal those of the published ``G_ema``.
"""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gancompress.batch import Input, InputSpec
from gancompress.errors import RecipeError
from gancompress.generators import fir
from gancompress.generators.equalized import GAIN, FullyConnected, leaky_relu
from gancompress.generators.mapping import MappingNetwork

NoiseMode = Literal["random", "const", "none"]
Architecture = Literal["skip", "orig", "resnet"]


class StyleGAN2Generator(nn.Module):
    """Latent (and class) to image.

    Args:
        z_dim: length of the latent.
        classes: number of classes; 0 for an unconditional generator.
        w_dim: length of the intermediate latent.
        resolution: of the image, a power of two.
        channels: of the image.
        mapping_layers: depth of the mapping network; 2 for CIFAR-10, 8 for FFHQ.
        channel_base: channels at a resolution are ``channel_base / resolution`` …
        channel_max: … but at most this.
        widths: channels at each resolution from 4 on, instead of both, for networks that were cut.
        conv_clamp: activations are clamped to ± this; None for no clamp.
        noise_mode: ``const``: the stored noise maps; ``random``: new maps each time, for training;
            ``none``. May be set on the module at any time.
        truncation_psi: w is moved towards its mean: 1 not at all, 0 onto it. May be set as well.
    """

    def __init__(
        self,
        z_dim: int = 512,
        classes: int = 10,
        w_dim: int = 512,
        resolution: int = 32,
        channels: int = 3,
        mapping_layers: int = 2,
        channel_base: int = 32768,
        channel_max: int = 512,
        conv_clamp: float | None = 256.0,
        noise_mode: NoiseMode = "const",
        truncation_psi: float = 1.0,
        widths: Sequence[int] | None = None,
        architecture: Architecture = "skip",
        embed_features: int = 0,
        layer_features: int = 0,
    ) -> None:
        super().__init__()
        self.noise_mode: NoiseMode = noise_mode
        self.truncation_psi = truncation_psi
        self.inputs: InputSpec = {"z": Input("normal", (z_dim,))}
        if classes:
            self.inputs["c"] = Input("one_hot", (classes,))
        sizes = block_resolutions("stylegan2", resolution)
        if widths is None:
            widths = [min(channel_base // size, channel_max) for size in sizes]
        if len(widths) != len(sizes) or min(widths) < 1:
            raise RecipeError(
                f"stylegan2: widths {list(widths)}: give a positive number for each of {sizes}"
            )
        self.synthesis = SynthesisNetwork(
            w_dim,
            dict(zip(sizes, widths, strict=True)),
            channels=channels,
            conv_clamp=conv_clamp,
            architecture=architecture,
        )
        self.mapping = MappingNetwork(
            z_dim,
            classes,
            w_dim,
            mapping_layers,
            embed_features=embed_features,
            layer_features=layer_features,
        )

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """(N, z_dim) and one-hot (N, classes) to images (N, channels, H, W), about [-1, 1]."""
        w = self.mapping(z, c, self.truncation_psi)
        ws = w.unsqueeze(1).expand(-1, self.synthesis.num_ws, -1)
        return self.synthesis(ws, self.noise_mode)  # type: ignore[no-any-return]


class SynthesisNetwork(nn.Module):
    """w, one for each layer, to the image."""

    def __init__(
        self,
        w_dim: int,
        widths: dict[int, int],
        channels: int,
        conv_clamp: float | None,
        architecture: Architecture = "skip",
    ) -> None:
        super().__init__()
        self.resolutions = list(widths)
        previous = 0
        for size, width in widths.items():
            makes_image = architecture == "skip" or size == self.resolutions[-1]
            block = SynthesisBlock(
                previous,
                width,
                w_dim=w_dim,
                resolution=size,
                image_channels=channels if makes_image else 0,
                conv_clamp=conv_clamp,
                shortcut=architecture == "resnet",
            )
            self.add_module(f"b{size}", block)
            previous = width
        # A w for each convolution and one for the last image layer.
        self.num_ws = 2 * len(self.resolutions)

    def forward(self, ws: Tensor, noise_mode: NoiseMode = "const") -> Tensor:
        """ws (N, num_ws, w_dim) to images (N, channels, H, W)."""
        x: Tensor | None = None
        image: Tensor | None = None
        first = 0
        for size in self.resolutions:
            block = self.get_submodule(f"b{size}")
            x, image = block(x, image, ws[:, first:], noise_mode)
            # The image layer of a block shares its w with the next block's first convolution.
            first += 1 if size == 4 else 2
        assert image is not None
        return image


class SynthesisBlock(nn.Module):
    """Two convolutions at one resolution (one at 4×4), and its share of the image, if any."""

    resample_filter: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        w_dim: int,
        resolution: int,
        image_channels: int,
        conv_clamp: float | None,
        shortcut: bool = False,
    ) -> None:
        super().__init__()
        self.register_buffer("resample_filter", fir.fir_kernel())
        self.first = in_channels == 0
        self.skip = _Shortcut(in_channels, out_channels) if shortcut and in_channels else None
        if self.first:
            self.const = nn.Parameter(torch.randn(out_channels, resolution, resolution))
        else:
            self.conv0 = SynthesisLayer(
                in_channels,
                out_channels,
                w_dim=w_dim,
                resolution=resolution,
                conv_clamp=conv_clamp,
                up=True,
            )
        self.conv1 = SynthesisLayer(
            out_channels, out_channels, w_dim=w_dim, resolution=resolution, conv_clamp=conv_clamp
        )
        self.torgb = (
            ToRGB(out_channels, image_channels, w_dim, conv_clamp) if image_channels else None
        )

    def forward(
        self, x: Tensor | None, image: Tensor | None, ws: Tensor, noise_mode: NoiseMode
    ) -> tuple[Tensor, Tensor | None]:
        if self.first or x is None:
            h = self.const.unsqueeze(0).expand(ws.size(0), -1, -1, -1)
            layer = 0
        else:
            h = self.conv0(x, ws[:, 0], noise_mode)
            layer = 1
        h = self.conv1(h, ws[:, layer], noise_mode)
        if self.skip is not None and x is not None:
            # Both halves are scaled to keep the variance; the clamp comes before it.
            h = (self.skip(x) + h) * math.sqrt(0.5)
        if self.torgb is None:
            return h, None
        share: Tensor = self.torgb(h, ws[:, layer + 1])
        if image is not None:
            share = fir.upsample(image, self.resample_filter) + share
        return h, share


class _Shortcut(nn.Module):
    """A 1×1 convolution to twice the size."""

    resample_filter: Tensor

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 1, 1))
        self.register_buffer("resample_filter", fir.fir_kernel())

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight / math.sqrt(self.weight.size(1))
        # Of one pixel, so that it may come before the enlargement: a quarter of the work.
        return fir.upsample(F.conv2d(x, weight), self.resample_filter)


class SynthesisLayer(nn.Module):
    """Modulated 3×3 convolution, noise, bias, leaky ReLU."""

    resample_filter: Tensor
    noise_const: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        w_dim: int,
        resolution: int,
        conv_clamp: float | None,
        up: bool = False,
    ) -> None:
        super().__init__()
        self.resolution, self.conv_clamp, self.up = resolution, conv_clamp, up
        self.affine = FullyConnected(w_dim, in_channels, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 3, 3))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.noise_strength = nn.Parameter(torch.zeros([]))
        self.register_buffer("resample_filter", fir.fir_kernel())
        self.register_buffer("noise_const", torch.randn(resolution, resolution))

    def forward(self, x: Tensor, w: Tensor, noise_mode: NoiseMode = "const") -> Tensor:
        """(N, in, H, W) and w (N, w_dim) to (N, out, H, W), or twice that size with ``up``."""
        style: Tensor = self.affine(w)
        h = x * style[:, :, None, None]
        if self.up:
            h = fir.convolve_upsampled(h, self.weight, self.resample_filter)
        else:
            h = F.conv2d(h, self.weight, padding=1)
        # One over the norm of the modulated weight of each output channel.
        norms = torch.linalg.vector_norm(self.weight, dim=(2, 3))
        power = F.linear(style.square(), norms.square())
        demodulation = (power + 1e-8).rsqrt()[:, :, None, None]
        offset = self.bias[:, None, None]
        if noise_mode == "const":
            offset = offset + self.noise_const * self.noise_strength
        elif noise_mode == "random":
            noise = torch.randn(h.size(0), 1, *h.shape[2:], dtype=h.dtype, device=h.device)
            offset = offset + noise * self.noise_strength
        # The gain goes through the leaky ReLU, so that one pass over the map does all three.
        h = torch.addcmul(offset * GAIN, h, demodulation * GAIN)
        return leaky_relu(h, self.conv_clamp)


class ToRGB(nn.Module):
    """Modulated 1×1 convolution to the image, without demodulation."""

    def __init__(
        self, in_channels: int, image_channels: int, w_dim: int, conv_clamp: float | None
    ) -> None:
        super().__init__()
        self.conv_clamp = conv_clamp
        self.affine = FullyConnected(w_dim, in_channels, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(image_channels, in_channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(image_channels))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        style = self.affine(w) / math.sqrt(self.weight.size(1))
        h = F.conv2d(x * style[:, :, None, None], self.weight, self.bias)
        return h if self.conv_clamp is None else h.clamp(-self.conv_clamp, self.conv_clamp)


def block_resolutions(name: str, resolution: int) -> list[int]:
    """4, 8, … up to ``resolution``."""
    if resolution < 8 or resolution & (resolution - 1):
        raise RecipeError(f"{name}: resolution {resolution}: must be a power of two, 8 or more")
    return [2**i for i in range(2, resolution.bit_length())]
