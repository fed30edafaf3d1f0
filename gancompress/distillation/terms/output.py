"""Loss terms on outputs: plain functions of the student's and the teacher's images.

Images are (N, C, H, W) in [-1, 1]; the elementwise terms take outputs of any shape and range. Every
term is a mean over samples and is 0 where both are equal.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from gancompress.distillation.terms.precision import widen


def l1(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean of \\|s - t\\|; in [0, 2] for images."""
    return F.l1_loss(student, teacher)


def l2(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean of (s - t)²; in [0, 4] for images."""
    return F.mse_loss(student, teacher)


def smooth_l1(student: Tensor, teacher: Tensor, beta: float = 1.0) -> Tensor:
    """Mean of d²/(2β) where d = \\|s - t\\| < β, of d - β/2 elsewhere (Girshick 2015, eq. 3)."""
    return F.smooth_l1_loss(student, teacher, beta=beta)


def charbonnier(student: Tensor, teacher: Tensor, epsilon: float = 1e-3) -> Tensor:
    """Mean of √((s - t)² + ε²) - ε (Charbonnier et al. 1994, moved to be 0 at equality)."""
    return ((student - teacher).square() + epsilon**2).sqrt().sub(epsilon).mean()


def frequency(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean of \\|F(s) - F(t)\\| over the orthonormal 2-D spectrum of every channel.

    Weighs all spatial frequencies alike, where pixel distances favour the low ones that hold most
    of the energy (after Fuoli et al. 2021, Fourier Space Losses, sec. 3.2; one complex distance
    instead of amplitude and phase).
    """
    difference = torch.fft.rfft2(widen(student) - widen(teacher), norm="ortho")
    # The conjugate half that rfft2 leaves out counts as well: all columns but the first and, in
    # even widths, the last stand for two.
    columns = torch.full((difference.shape[-1],), 2.0, device=student.device)
    columns[0] = 1.0
    if student.shape[-1] % 2 == 0:
        columns[-1] = 1.0
    total: Tensor = (difference.abs() * columns).sum()
    return total / student.numel()


def wavelet(student: Tensor, teacher: Tensor, levels: int = 3) -> Tensor:
    """Sum over levels of the mean \\|W(s) - W(t)\\| of the three detail bands of Haar's wavelets.

    Zhang et al. 2022, Wavelet Knowledge Distillation, sec. 3.2: only high frequencies are compared,
    which small generators lack. A last odd row or column of a level is left out, and levels end
    where a side is of one pixel.
    """
    low, losses = widen(student) - widen(teacher), []
    for _ in range(levels):
        height, width = (side // 2 * 2 for side in low.shape[-2:])
        if not height or not width:
            break
        top, bottom = low[..., 0:height:2, :width], low[..., 1:height:2, :width]
        (a, b), (c, d) = ((row[..., 0::2], row[..., 1::2]) for row in (top, bottom))
        details = torch.stack([a - b + c - d, a + b - c - d, a - b - c + d]) / 2
        losses.append(details.abs().mean())
        low = (a + b + c + d) / 2
    return torch.stack(losses).sum() if losses else low.sum() * 0


def total_variation(student: Tensor) -> Tensor:
    """Mean step between neighbouring pixels, down plus across; needs no teacher.

    Anisotropic total variation (Rudin et al. 1992) a pixel: 0 for flat images, at most 4.
    """
    down = (student[..., 1:, :] - student[..., :-1, :]).abs().mean()
    across = (student[..., :, 1:] - student[..., :, :-1]).abs().mean()
    return down + across
