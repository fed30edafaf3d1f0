"""Does a class-conditional generator paint what it was asked for?"""

from dataclasses import dataclass

import torch
from torch import Tensor

from gancompress.errors import MetricError


@dataclass(frozen=True)
class ConditionalAccuracy:
    """How often a classifier sees the class that was asked for.

    Attributes:
        overall: share of all images, 0…1.
        per_class: share for each class asked for; NaN where none was asked for.
        confusion: (K, K) counts, rows asked for, columns seen.
    """

    overall: float
    per_class: Tensor
    confusion: Tensor


def conditional_accuracy(logits: Tensor, requested: Tensor) -> ConditionalAccuracy:
    """Compare the classifier's first choice with the requested class.

    Args:
        logits: (N, K).
        requested: (N,) integers in 0…K-1.

    Raises:
        MetricError: sizes differ, nothing was requested, or a class the classifier does not know.
    """
    if logits.dim() != 2 or requested.shape != logits.shape[:1] or len(requested) == 0:
        raise MetricError(
            f"logits {tuple(logits.shape)} and requested classes {tuple(requested.shape)}: "
            "give (N, K) and (N,) with N ≥ 1"
        )
    classes = logits.shape[1]
    requested = requested.to(logits.device).long()
    if int(requested.min()) < 0 or int(requested.max()) >= classes:
        raise MetricError(
            f"class {int(requested.max())} was requested but the classifier knows 0…{classes - 1}"
        )
    pairs = requested * classes + logits.argmax(1)
    confusion = torch.bincount(pairs, minlength=classes**2).view(classes, classes)
    right = confusion.diagonal().double()
    return ConditionalAccuracy(
        overall=float(right.sum() / len(requested)),
        per_class=right / confusion.sum(1).double(),
        confusion=confusion,
    )
