"""How far apart two waves sound: their spectra compared, at several resolutions or in decibels."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from gancompress.errors import MetricError

# Power below which a spectrum counts as silent, as in Parallel WaveGAN's program.
FLOOR = 1e-7


class Resolution(NamedTuple):
    """A short-time Fourier transform: samples of a transform, between two of them, of a window."""

    size: int
    hop: int
    window: int


# Yamamoto et al. 2020, table 1.
RESOLUTIONS = (Resolution(1024, 120, 600), Resolution(2048, 240, 1200), Resolution(512, 50, 240))

# Where a wave is shorter than half of all of these.
_SHORTEST = 16


def spectrum(waves: Tensor, resolution: Resolution) -> Tensor:
    """Magnitudes (N·C, frequencies, frames) of waves (N, C, T), Hann window, none below √FLOOR."""
    flat = waves.flatten(0, 1)
    flat = flat if flat.dtype == torch.float64 else flat.float()
    window = torch.hann_window(resolution.window, dtype=flat.dtype, device=flat.device)
    found = torch.stft(
        flat, resolution.size, resolution.hop, resolution.window, window, return_complex=True
    )
    # The floor keeps the gradient of the root finite.
    return (found.real.square() + found.imag.square()).clamp(min=FLOOR).sqrt()


def resolutions_for(samples: int) -> list[Resolution]:
    """Those of :data:`RESOLUTIONS` that waves of so many samples are long enough for.

    For shorter waves one with transforms of half their length.

    Raises:
        MetricError: they have fewer than 17 samples.
    """
    fitting = [one for one in RESOLUTIONS if one.size // 2 < samples]
    if fitting:
        return fitting
    if samples <= _SHORTEST:
        raise MetricError(f"waves of {samples} samples; a spectrum needs {_SHORTEST + 1}")
    size = 2 ** ((samples // 2).bit_length() - 1)
    return [Resolution(size, max(1, size // 8), size // 2)]


def stft_distance(first: Tensor, second: Tensor) -> Tensor:
    """Multi-resolution STFT distance of waves (N, C, T) to ``second``; (N,), 0 where equal.

    Yamamoto et al. 2020 (Parallel WaveGAN), eqs. 3 to 6: spectral convergence ‖S - S'‖ / ‖S‖ plus
    the mean \\|log S - log S'\\|, averaged over three resolutions; here sample by sample. Phases
    are not compared. Differentiable.

    Raises:
        MetricError: they are no waves of one shape.
    """
    _check(first, second)
    with torch.autocast(first.device.type, enabled=False):
        found = [_distance(first, second, one) for one in resolutions_for(first.shape[-1])]
    return torch.stack(found).mean(0)


def _distance(first: Tensor, second: Tensor, resolution: Resolution) -> Tensor:
    ours, theirs = spectrum(first, resolution), spectrum(second, resolution)
    ours, theirs = (x.reshape(len(first), -1) for x in (ours, theirs))
    norm = torch.linalg.vector_norm
    convergence: Tensor = norm(ours - theirs, dim=1) / norm(theirs, dim=1)
    return convergence + (ours.log() - theirs.log()).abs().mean(1)


def log_spectral_distance(first: Tensor, second: Tensor) -> Tensor:
    """Root mean square over frequencies of the difference in dB, mean over frames; (N,), in dB.

    Gray & Markel 1976, eq. 4 with p = 2, at the first resolution that the waves are long enough
    for.

    Raises:
        MetricError: they are no waves of one shape.
    """
    _check(first, second)
    resolution = resolutions_for(first.shape[-1])[0]
    ours, theirs = (20 * spectrum(x, resolution).log10() for x in (first, second))
    of_frames = (ours - theirs).square().mean(1).sqrt()
    return of_frames.reshape(len(first), -1).mean(1)


def mean_absolute(first: Tensor, second: Tensor) -> Tensor:
    """Mean \\|first - second\\| of each sample, of outputs of any shape (N, …); (N,)."""
    return F.l1_loss(first, second, reduction="none").flatten(1).mean(1)


def _check(first: Tensor, second: Tensor) -> None:
    if first.shape != second.shape or first.dim() != 3 or len(first) == 0:
        raise MetricError(
            f"waves of {tuple(first.shape)} and {tuple(second.shape)}; "
            "give equal, non-empty (N, C, T)"
        )
