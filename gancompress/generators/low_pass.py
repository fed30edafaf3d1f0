"""Kaiser low-pass filters and resampling with them, as StyleGAN3 does it (appendix C)."""

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F


def low_pass(taps: int, cutoff: float, width: float, rate: float) -> Tensor | None:
    """A windowed sinc of ``taps`` values that sum to one; None for a single tap.

    Args:
        taps: its length.
        cutoff: frequency of half the amplitude.
        width: of the transition band.
        rate: of sampling.
    """
    if taps == 1:
        return None
    places = np.arange(taps) - (taps - 1) / 2
    line = np.sinc(2 * cutoff / rate * places) * _window(taps, width, rate)
    return torch.tensor(line / line.sum(), dtype=torch.float32)


def radial_low_pass(taps: int, cutoff: float, width: float, rate: float) -> Tensor | None:
    """A radially symmetric (taps, taps) filter: a jinc in a square window."""
    if taps == 1:
        return None
    places = (np.arange(taps) - (taps - 1) / 2) / rate
    radii = torch.from_numpy(np.hypot(*np.meshgrid(places, places)))
    kernel = torch.special.bessel_j1(2 * cutoff * math.pi * radii) / (math.pi * radii)
    window = _window(taps, width, rate)
    kernel = kernel * torch.from_numpy(np.outer(window, window))
    found: Tensor = kernel / kernel.sum()
    return found.float()


def resampled(
    x: Tensor, kernel: Tensor | None, up: int, down: int, padding: tuple[int, int]
) -> Tensor:
    """Zeros between the pixels, padding, the filter, and every ``down``-th pixel.

    Args:
        x: (N, C, H, W).
        kernel: (taps,) for both directions in turn, or (taps, taps); None leaves the pixels.
        up: pixels for each; the filter has a gain that makes up for the zeros.
        down: one of so many is kept.
        padding: before and behind, in both directions; negative crops.
    """
    before, behind = padding
    if kernel is None:
        return F.pad(x, (before, behind, before, behind))[:, :, ::down, ::down]
    taps, channels = kernel.size(0), x.size(1)
    if kernel.ndim == 1:
        sides = [kernel.view(1, 1, 1, -1), kernel.view(1, 1, -1, 1)]
    else:
        sides = [kernel[None, None]]
    gain = float(up) if kernel.ndim == 1 else float(up * up)
    for side in sides:
        high, wide = (side.size(2) > 1), (side.size(3) > 1)
        weight = (side * gain).to(x.dtype).expand(channels, 1, -1, -1)
        if up > 1:
            steps = (up if high else 1, up if wide else 1)
            x = F.conv_transpose2d(x, weight, stride=steps, groups=channels)
            ends = (before - taps + 1, behind - taps + up)
            x = F.pad(x, (*(ends if wide else (0, 0)), *(ends if high else (0, 0))))
        else:
            ends = (before, behind)
            x = F.pad(x, (*(ends if wide else (0, 0)), *(ends if high else (0, 0))))
            steps = (down if high else 1, down if wide else 1)
            x = F.conv2d(x, weight.flip((2, 3)), stride=steps, groups=channels)
    return x


def _window(taps: int, width: float, rate: float) -> np.ndarray:
    """Kaiser's window for a transition band of ``width`` (Oppenheim and Schafer, section 7.5)."""
    attenuation = 2.285 * (taps - 1) * math.pi * width / (rate / 2) + 7.95
    if attenuation > 50:
        beta = 0.1102 * (attenuation - 8.7)
    elif attenuation > 21:
        beta = 0.5842 * (attenuation - 21) ** 0.4 + 0.07886 * (attenuation - 21)
    else:
        beta = 0.0
    return np.kaiser(taps, beta)
