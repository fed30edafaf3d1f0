"""Which samples are for training and which are held out."""

import numpy as np
import torch
from torch import Tensor

from gancompress.errors import DataError


def split(
    n: int, held_out: int, *, seed: int, labels: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Divide ``range(n)`` into training and held-out indices, the same for the same arguments.

    Args:
        n: number of samples.
        held_out: how many to hold out, 0 ≤ held_out < n.
        seed: of the draw.
        labels: class of each sample (n,); given, the classes keep their shares in both parts.

    Returns:
        (train, held_out), int64 and ascending; together they are ``range(n)``.
    """
    if not 0 <= held_out < n:
        raise DataError(f"held out {held_out} of {n} samples: must be at least 0 and below {n}")
    order = np.random.default_rng(seed).permutation(n)
    if labels is not None:
        order = order[np.argsort(_share(labels.numpy()[order]), kind="stable")]
    return (
        torch.from_numpy(np.sort(order[held_out:])),
        torch.from_numpy(np.sort(order[:held_out])),
    )


def _share(labels: np.ndarray) -> np.ndarray:
    """Where in its own class each sample stands, from 0 to 1: equal shares of every class first."""
    position = np.empty(len(labels))
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        position[members] = (np.arange(len(members)) + 0.5) / len(members)
    return position
