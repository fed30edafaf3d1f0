"""Pixel by pixel: PSNR, SSIM (Wang et al. 2004) and MS-SSIM (Wang et al. 2003) of paired images."""

import torch
import torch.nn.functional as F
from torch import Tensor

from gancompress.errors import MetricError

_WINDOW, _SIGMA = 11, 1.5
_C1, _C2 = (0.01 * 255.0) ** 2, (0.03 * 255.0) ** 2
_SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def psnr(first: Tensor, second: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB of uint8 images (N, C, H, W); (N,) float64, inf if equal."""
    _check(first, second, 1)
    error = (first.double() - second.double()).square().mean((1, 2, 3))
    return 10.0 * torch.log10(255.0**2 / error)


def ssim(first: Tensor, second: Tensor) -> Tensor:
    """Structural similarity of uint8 images (N, C, H, W), at least 11 px; (N,) float64, 1 if equal.

    Gaussian window of 11 px with deviation 1.5, no padding, mean over positions and channels.
    """
    _check(first, second, _WINDOW)
    return torch.stack(_components(first.double(), second.double()))[0]


def ms_ssim(first: Tensor, second: Tensor) -> Tensor:
    """SSIM over five scales, for images of at least 176 px; (N,) float64.

    Contrast below zero is taken as zero, for it is raised to a fraction.
    """
    _check(first, second, _WINDOW * 2 ** (len(_SCALE_WEIGHTS) - 1))
    x, y = first.double(), second.double()
    result = torch.ones(len(x), dtype=torch.float64)
    for scale, weight in enumerate(_SCALE_WEIGHTS):
        whole, contrast = _components(x, y)
        last = scale == len(_SCALE_WEIGHTS) - 1
        result = result * (whole if last else contrast).clamp_min(0.0) ** weight
        x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
    return result


def _components(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """(mean SSIM, mean contrast-structure term) of each pair."""
    mean_x, mean_y = _blur(x), _blur(y)
    variance_x = _blur(x * x) - mean_x**2
    variance_y = _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    contrast = (2.0 * covariance + _C2) / (variance_x + variance_y + _C2)
    luminance = (2.0 * mean_x * mean_y + _C1) / (mean_x**2 + mean_y**2 + _C1)
    return (luminance * contrast).mean((1, 2, 3)), contrast.mean((1, 2, 3))


def _blur(images: Tensor) -> Tensor:
    offsets = torch.arange(_WINDOW, dtype=images.dtype) - _WINDOW // 2
    window = torch.exp(-(offsets**2) / (2.0 * _SIGMA**2))
    window = window / window.sum()
    flat = images.flatten(0, 1)[:, None]
    flat = F.conv2d(F.conv2d(flat, window.view(1, 1, -1, 1)), window.view(1, 1, 1, -1))
    return flat.view(*images.shape[:2], *flat.shape[-2:])


def _check(first: Tensor, second: Tensor, smallest: int) -> None:
    if first.shape != second.shape or first.dim() != 4 or len(first) == 0:
        raise MetricError(
            f"images of {tuple(first.shape)} and {tuple(second.shape)}; "
            "give equal, non-empty (N, C, H, W)"
        )
    if first.dtype != torch.uint8 or second.dtype != torch.uint8:
        raise MetricError(f"images are {first.dtype} and {second.dtype}; give uint8")
    if min(first.shape[-2:]) < smallest:
        raise MetricError(
            f"images of {tuple(first.shape[-2:])} px; this similarity needs {smallest} px"
        )
