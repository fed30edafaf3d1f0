"""Structural similarity of images, one scale and several, as loss terms.

Wang et al. 2004, Image Quality Assessment: From Error Visibility to Structural Similarity, eq. 13,
with the paper's constants: an 11×11 Gaussian window of σ 1.5, K₁ .01, K₂ .03. Images in [-1, 1]
are moved to [0, 2]: the range L is 2, and no mean is negative. (Left in [-1, 1], the luminance term
of an inverted dark region is negative as its structure term is, and the product calls it similar.)
Windows lie inside the image, and their statistics are divided by n.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from gancompress.distillation.terms.precision import widen, without_autocast

_WINDOW = 11
_SIGMA = 1.5
_C1 = (0.01 * 2.0) ** 2
_C2 = (0.03 * 2.0) ** 2

# Wang et al. 2003, Multi-Scale Structural Similarity, sec. 3.2: exponents from fine to coarse.
_SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)

# Structure may be negative, where a fractional power and its gradient do not exist.
_FLOOR = 1e-4


def ssim(student: Tensor, teacher: Tensor) -> Tensor:
    """1 - SSIM, mean over samples, channels and windows; in [0, 2], 0 where both are equal.

    Images smaller than the window get a window of the largest odd size that fits.
    """
    luminance, structure = _similarity(student, teacher)
    return 1.0 - (luminance * structure).mean()


def ms_ssim(student: Tensor, teacher: Tensor) -> Tensor:
    """1 - MS-SSIM, mean over samples and channels; in [0, 1], 0 where both are equal.

    Each coarser scale is a 2×2 mean. Five scales need images of 176 pixels; smaller ones use as
    many scales as keep the window inside the image, with exponents scaled to the same sum.
    """
    smallest = min(student.shape[-2:])
    count = sum(smallest >> level >= _WINDOW for level in range(len(_SCALES))) or 1
    rescale = sum(_SCALES) / sum(_SCALES[:count])
    student, teacher = widen(student), widen(teacher)
    score = student.new_ones(student.shape[:2])
    for level, exponent in enumerate(_SCALES[:count]):
        luminance, structure = _similarity(student, teacher)
        last = level == count - 1
        value = luminance * structure if last else structure
        score = score * value.mean(dim=(-2, -1)).clamp(min=_FLOOR).pow(exponent * rescale)
        if not last:
            student, teacher = F.avg_pool2d(student, 2), F.avg_pool2d(teacher, 2)
    return 1.0 - score.mean()


def _similarity(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Maps of the luminance term and of the contrast-structure term."""
    a, b = widen(a) + 1.0, widen(b) + 1.0
    height, width = a.shape[-2:]
    stacked = torch.cat([a, b, a * a, b * b, a * b], dim=1)
    count = stacked.shape[1]
    rows = _window(height, a).view(1, 1, -1, 1).expand(count, -1, -1, -1)
    columns = _window(width, a).view(1, 1, 1, -1).expand(count, -1, -1, -1)
    with without_autocast(a):
        stacked = F.conv2d(F.conv2d(stacked, rows, groups=count), columns, groups=count)
    mean_a, mean_b, square_a, square_b, product = stacked.chunk(5, dim=1)
    variance = square_a - mean_a.square() + square_b - mean_b.square()
    covariance = product - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + _C1) / (mean_a.square() + mean_b.square() + _C1)
    return luminance, (2 * covariance + _C2) / (variance + _C2)


def _window(size: int, like: Tensor) -> Tensor:
    length = min(_WINDOW, size if size % 2 else size - 1)
    offsets = torch.arange(length, dtype=like.dtype, device=like.device) - length // 2
    weights = (-offsets.square() / (2 * _SIGMA**2)).exp()
    return weights / weights.sum()
