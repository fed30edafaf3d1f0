"""Filtered resampling as StyleGAN2 does it, in plain operators.

A filter is a (taps, taps) tensor that sums to one, convolved (not correlated) with every channel.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

# The binomial filter of the published networks.
BINOMIAL = (1.0, 3.0, 3.0, 1.0)


def fir_kernel(taps: tuple[float, ...] = BINOMIAL) -> Tensor:
    """The separable two-dimensional filter of ``taps``, normalised to sum 1."""
    line = torch.tensor(taps, dtype=torch.float32)
    kernel = torch.outer(line, line)
    return kernel / kernel.sum()


def convolve(x: Tensor, kernel: Tensor, padding: int, gain: float = 1.0, step: int = 1) -> Tensor:
    """Filter each channel of ``x`` (N, C, H, W), zero-padded by ``padding``, keeping every
    ``step``-th output.
    """
    channels = x.size(1)
    weight = (kernel.flip((0, 1)) * gain).to(x.dtype).expand(channels, 1, -1, -1)
    return F.conv2d(x, weight, stride=step, padding=padding, groups=channels)


def upsample(x: Tensor, kernel: Tensor) -> Tensor:
    """Twice as large: zeros between the pixels, then the filter with gain 4 (N, C, 2H, 2W)."""
    channels = x.size(1)
    weight = (kernel * 4.0).to(x.dtype).expand(channels, 1, -1, -1)
    padding = (kernel.size(0) - 1) // 2
    return F.conv_transpose2d(x, weight, stride=2, padding=padding, groups=channels)


def convolve_upsampled(x: Tensor, weight: Tensor, kernel: Tensor) -> Tensor:
    """Put zeros between the pixels, convolve with ``weight`` (out, in, 3, 3), then filter.

    The transposed convolution is one pixel larger than twice the input; filtering with padding 1
    brings (N, out, 2H, 2W).
    """
    h = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
    return convolve(h, kernel, padding=1, gain=4.0)


def convolve_downsampled(x: Tensor, weight: Tensor, kernel: Tensor) -> Tensor:
    """Filter, then convolve with ``weight`` (out, in, k, k), k 1 or 3, to half the size."""
    if weight.size(-1) == 1:
        return F.conv2d(convolve(x, kernel, padding=1, step=2), weight)
    return F.conv2d(convolve(x, kernel, padding=2), weight, stride=2)
