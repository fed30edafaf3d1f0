"""Kernel inception distance (Bińkowski et al. 2018): unbiased squared MMD with a cubic kernel."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gancompress.errors import MetricError


@dataclass(frozen=True)
class KernelDistance:
    """KID over blocks.

    Attributes:
        value: mean over blocks; its expectation does not depend on the number of samples.
        standard_error: of the mean; None for a single block.
        blocks: how many.
    """

    value: float
    standard_error: float | None
    blocks: int


def kernel_distance(
    features: Tensor, reference: Tensor, *, block: int = 1000, seed: int = 0
) -> KernelDistance:
    """KID between features (N, D) and reference features (M, D).

    Both sets are shuffled by ``seed`` and cut into disjoint blocks of ``block`` samples, so that
    the blocks are independent and the standard error means what it says. Sets smaller than a block
    make one block of all they have.

    Raises:
        MetricError: fewer than two samples, or dimensions that differ.
    """
    if features.dim() != 2 or features.shape[1:] != reference.shape[1:]:
        raise MetricError(
            f"features {tuple(features.shape)} and {tuple(reference.shape)} do not fit together"
        )
    if min(len(features), len(reference)) < 2 or block < 2:
        raise MetricError("a kernel distance needs at least two images on each side, and per block")
    blocks = min(len(features), len(reference)) // block
    if blocks == 0:
        return KernelDistance(squared_mmd(features, reference), None, 1)
    rng = np.random.default_rng(seed)
    first, second = (torch.from_numpy(rng.permutation(len(x))) for x in (features, reference))
    values = [
        squared_mmd(
            features[first[start : start + block]], reference[second[start : start + block]]
        )
        for start in range(0, blocks * block, block)
    ]
    error = float(np.std(values, ddof=1) / np.sqrt(blocks)) if blocks > 1 else None
    return KernelDistance(float(np.mean(values)), error, blocks)


def squared_mmd(x: Tensor, y: Tensor) -> float:
    """Unbiased estimate with k(a, b) = (a·b / D + 1)³, in float64; may be below zero."""
    x, y = x.double(), y.double()
    within = _mean_off_diagonal(x) + _mean_off_diagonal(y)
    return float(within - 2.0 * _kernel(x, y).mean())


def _mean_off_diagonal(x: Tensor) -> Tensor:
    values = _kernel(x, x)
    return (values.sum() - values.diagonal().sum()) / (len(x) * (len(x) - 1))


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    return (x @ y.t() / x.shape[1] + 1.0) ** 3
