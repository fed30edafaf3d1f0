"""StyleGAN3 (Karras et al. 2021), configurations T and R, in plain operators.

Every layer is a continuous signal's samples at a rate of its own: Fourier features first, then
modulated convolutions whose leaky ReLUs run at a higher rate between two low-pass filters. Tensor
names equal those of the published ``G_ema``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gancompress.batch import Input, InputSpec
from gancompress.errors import RecipeError
from gancompress.generators.equalized import GAIN, FullyConnected
from gancompress.generators.low_pass import low_pass, radial_low_pass, resampled
from gancompress.generators.mapping import MappingNetwork


class StyleGAN3Generator(nn.Module):
    """Latent (and class) to image.

    Args:
        z_dim: length of the latent.
        classes: number of classes; 0 for an unconditional generator.
        w_dim: length of the intermediate latent.
        resolution: of the image, a power of two.
        channels: of the image.
        mapping_layers: depth of the mapping network.
        channel_base: of the widths: half of it over a layer's cutoff frequency …
        channel_max: … but at most this.
        layers: convolutions between the Fourier features and the image layer.
        critical: layers at the end whose sampling is critical.
        kernel_size: of the convolutions: 3 in configuration T, 1 in R.
        radial: radially symmetric filters, as in configuration R.
        conv_clamp: activations are clamped to ± this; None for no clamp.
        margin: pixels around the image, on which all but the last two layers work too.
        truncation_psi: w is moved towards its mean: 1 not at all, 0 onto it. May be set as well.
    """

    def __init__(
        self,
        z_dim: int = 512,
        classes: int = 0,
        w_dim: int = 512,
        resolution: int = 1024,
        channels: int = 3,
        mapping_layers: int = 2,
        channel_base: int = 32768,
        channel_max: int = 512,
        layers: int = 14,
        critical: int = 2,
        kernel_size: int = 3,
        radial: bool = False,
        conv_clamp: float | None = 256.0,
        margin: int = 10,
        truncation_psi: float = 1.0,
    ) -> None:
        super().__init__()
        if resolution < 16 or resolution & (resolution - 1) or not 0 < critical < layers:
            raise RecipeError(
                f"stylegan3: resolution {resolution}, layers {layers}, critical {critical}: the "
                "resolution must be a power of two, ≥ 16, and critical less than layers"
            )
        self.truncation_psi = truncation_psi
        self.inputs: InputSpec = {"z": Input("normal", (z_dim,))}
        if classes:
            self.inputs["c"] = Input("one_hot", (classes,))
        bands = _bands(resolution, layers, critical, margin)
        widths = [round(min(channel_base / 2 / band.cutoff, channel_max)) for band in bands]
        widths[-1] = channels
        self.synthesis = _Synthesis(
            w_dim,
            bands,
            widths=widths,
            kernel_size=kernel_size,
            radial=radial,
            critical=critical,
            conv_clamp=conv_clamp,
        )
        self.mapping = MappingNetwork(z_dim, classes, w_dim, mapping_layers, w_avg_beta=0.998)

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """(N, z_dim) and one-hot (N, classes) to images (N, channels, H, W), about [-1, 1]."""
        return self.synthesis(self.mapping(z, c, self.truncation_psi))  # type: ignore[no-any-return]


@dataclass(frozen=True)
class _Band:
    """A layer's signal: its cutoff frequency, half the width of its transition band, its sampling
    rate, and the side of the map that it is sampled on.
    """

    cutoff: float
    half_width: float
    rate: int
    size: int


def _bands(resolution: int, layers: int, critical: int, margin: int) -> list[_Band]:
    """Of each layer, from the Fourier features' on (Karras et al. 2021, section 3.2)."""
    first_cutoff, first_stop = 2.0, 2.0**2.1
    last_cutoff = resolution / 2
    last_stop = last_cutoff * 2**0.3
    bands = []
    for layer in range(layers + 1):
        share = min(layer / (layers - critical), 1.0)
        cutoff = first_cutoff * (last_cutoff / first_cutoff) ** share
        stop = first_stop * (last_stop / first_stop) ** share
        rate = 2 ** math.ceil(math.log2(min(stop * 2, resolution)))
        size = resolution if layer >= layers - 1 else rate + 2 * margin
        bands.append(_Band(cutoff, max(stop, rate / 2) - cutoff, rate, size))
    return bands


class _Synthesis(nn.Module):
    def __init__(
        self,
        w_dim: int,
        bands: Sequence[_Band],
        widths: Sequence[int],
        kernel_size: int,
        radial: bool,
        critical: int,
        conv_clamp: float | None,
    ) -> None:
        super().__init__()
        self.input = _FourierFeatures(w_dim, widths[0], bands[0])
        self.names: list[str] = []
        last = len(bands) - 1
        for index, band in enumerate(bands):
            previous = max(index - 1, 0)
            form = _Form(
                image=index == last,
                kernel_size=1 if index == last else kernel_size,
                radial=radial and index < last - critical,
            )
            layer = _Layer(
                w_dim,
                widths[previous],
                out_channels=widths[index],
                before=bands[previous],
                after=band,
                form=form,
                conv_clamp=conv_clamp,
            )
            self.names.append(f"L{index}_{band.size}_{widths[index]}")
            self.add_module(self.names[-1], layer)

    def forward(self, w: Tensor) -> Tensor:
        h = self.input(w)
        for name in self.names:
            h = self.get_submodule(name)(h, w)
        return 0.25 * h  # type: ignore[no-any-return]


class _FourierFeatures(nn.Module):
    """Waves whose directions, phases and offsets follow w."""

    transform: Tensor
    freqs: Tensor
    phases: Tensor

    def __init__(self, w_dim: int, channels: int, band: _Band) -> None:
        super().__init__()
        self.size, self.rate, self.bandwidth = band.size, band.rate, band.cutoff
        self.weight = nn.Parameter(torch.randn(channels, channels))
        self.affine = FullyConnected(w_dim, 4)
        nn.init.zeros_(self.affine.weight)
        if not self.affine.bias.is_meta:
            with torch.no_grad():
                self.affine.bias[0] = 1.0
        identity = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
        self.register_buffer("transform", identity)
        self.register_buffer("freqs", torch.randn(channels, 2))
        self.register_buffer("phases", nn.init.uniform_(torch.empty(channels), -0.5, 0.5))
        if not self.freqs.is_meta:
            # Frequencies uniform in a disc.
            radii = self.freqs.square().sum(dim=1, keepdim=True).sqrt()
            self.freqs *= band.cutoff / (radii * radii.square().exp().pow(0.25))

    def forward(self, w: Tensor) -> Tensor:
        t = self.affine(w)
        t = t / torch.linalg.vector_norm(t[:, :2], dim=1, keepdim=True)
        cosine, sine, right, down = t.unsqueeze(2).unbind(dim=1)
        zero, one = torch.zeros_like(cosine), torch.ones_like(cosine)
        rotation = torch.stack(
            [
                torch.cat([cosine, -sine, zero], dim=1),
                torch.cat([sine, cosine, zero], dim=1),
                torch.cat([zero, zero, one], dim=1),
            ],
            dim=1,
        )
        translation = torch.stack(
            [
                torch.cat([one, zero, -right], dim=1),
                torch.cat([zero, one, -down], dim=1),
                torch.cat([zero, zero, one], dim=1),
            ],
            dim=1,
        )
        moved = rotation @ translation @ self.transform
        phases = self.phases + (self.freqs @ moved[:, :2, 2:]).squeeze(2)
        freqs = self.freqs @ moved[:, :2, :2]
        # What lies beyond the band is dampened.
        lengths = torch.linalg.vector_norm(freqs, dim=2)
        amplitudes = 1 - (lengths - self.bandwidth) / (self.rate / 2 - self.bandwidth)
        places = (torch.arange(self.size, device=w.device, dtype=w.dtype) + 0.5) / self.size - 0.5
        places = places * (self.size / self.rate)
        across = freqs[:, :, None, None, 0] * places
        along = freqs[:, :, None, None, 1] * places[:, None]
        waves = torch.sin(2 * math.pi * (across + along + phases[:, :, None, None]))
        waves = waves * amplitudes.clamp(0, 1)[:, :, None, None]
        weight = self.weight / math.sqrt(self.weight.size(1))
        return F.conv2d(waves, weight[:, :, None, None])


@dataclass(frozen=True)
class _Form:
    """What sets a layer apart: whether it makes the image, its kernel, and its filters."""

    image: bool
    kernel_size: int
    radial: bool


class _Layer(nn.Module):
    """Modulated convolution, then a leaky ReLU at a higher sampling rate."""

    magnitude_ema: Tensor
    up_filter: Tensor | None
    down_filter: Tensor | None

    def __init__(
        self,
        w_dim: int,
        in_channels: int,
        out_channels: int,
        before: _Band,
        after: _Band,
        form: _Form,
        conv_clamp: float | None,
    ) -> None:
        super().__init__()
        self.form, self.conv_clamp = form, conv_clamp
        size = form.kernel_size
        self.affine = FullyConnected(w_dim, in_channels, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, size, size))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.register_buffer("magnitude_ema", torch.ones([]))
        rate = max(before.rate, after.rate) * (1 if form.image else 2)
        self.up, self.down = rate // before.rate, rate // after.rate
        taps = [6 * step if step > 1 and not form.image else 1 for step in (self.up, self.down)]
        up = low_pass(taps[0], before.cutoff, 2 * before.half_width, rate)
        design = radial_low_pass if form.radial else low_pass
        self.register_buffer("up_filter", up)
        down = design(taps[1], after.cutoff, 2 * after.half_width, rate)
        self.register_buffer("down_filter", down)
        # What is wanted before the down-sampling, less what the convolution and filters leave.
        total = (
            (after.size - 1) * self.down + 1 - (before.size + size - 1) * self.up + sum(taps) - 2
        )
        low = (total + self.up) // 2
        self.padding = (low, total - low)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """(N, in, h, w) and w (N, w_dim) to (N, out, H, W)."""
        style: Tensor = self.affine(w)
        weight: Tensor = self.weight
        size = self.form.kernel_size
        demodulation: Tensor | None = None
        if self.form.image:
            style = style / math.sqrt(weight.size(1) * size * size)
        else:
            weight = weight * weight.square().mean(dim=(1, 2, 3), keepdim=True).rsqrt()
            style = style * style.square().mean(dim=1, keepdim=True).rsqrt()
            power = F.linear(style.square(), weight.square().sum(dim=(2, 3)))
            demodulation = (power + 1e-8).rsqrt()[:, :, None, None]
        gain = self.magnitude_ema.rsqrt()
        h = F.conv2d(x * (style * gain)[:, :, None, None], weight, padding=size - 1)
        h = h if demodulation is None else h * demodulation
        h = resampled(h + self.bias[:, None, None], self.up_filter, self.up, 1, self.padding)
        if not self.form.image:
            h = F.leaky_relu(h, 0.2) * GAIN
        if self.conv_clamp is not None:
            h = h.clamp(-self.conv_clamp, self.conv_clamp)
        return resampled(h, self.down_filter, 1, self.down, (0, 0))
