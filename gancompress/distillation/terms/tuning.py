"""What students whose weights were solved for are fine-tuned by."""

import torch.nn.functional as F
from torch import Tensor

from gancompress.data.outputs import output_kind
from gancompress.distillation.terms.audio import stft
from gancompress.distillation.terms.structure import ssim


def tuning_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean \\|s - t\\|, and of images .2 (1 - SSIM), of waves .02 of their STFT distance.

    Images become sharper than by L1 alone, and nearer in L1 as well
    (``python -m benchmarks.terms``).
    """
    distance = F.l1_loss(student, teacher)
    if student.ndim == 4:
        return distance + 0.2 * ssim(student, teacher)
    if output_kind(student.shape) == "audio":
        return distance + 0.02 * stft(student, teacher)
    return distance
