"""Fréchet distance without the bias of few samples (Chong & Forsyth 2020, §3).

The distance of n samples exceeds its limit by a term in 1/n; a line through distances of growing n
meets 1/n = 0 at the limit.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gancompress.errors import MetricError
from gancompress.metrics.frechet import FeatureStatistics, frechet_distance, statistics_of


@dataclass(frozen=True)
class Extrapolation:
    """The line through the distances.

    Attributes:
        value: distance at infinitely many samples.
        slope: bias times n.
        fit: R² of the line; far below one, the samples are too few to extrapolate from.
        counts, distances: the points.
    """

    value: float
    slope: float
    fit: float
    counts: tuple[int, ...]
    distances: tuple[float, ...]


def frechet_infinity(
    features: Tensor, reference: FeatureStatistics, *, points: int = 15, seed: int = 0
) -> Extrapolation:
    """Extrapolate from ``points`` random subsets of a tenth up to all of the features.

    The reference keeps its own bias; give it as many images as there are.

    Args:
        features: (N, D).
        reference: what they are compared with.
        points: subsets, their sizes evenly spaced.
        seed: of the subsets.

    Raises:
        MetricError: fewer than 20 samples or 3 points.
    """
    count = len(features)
    if count < 20 or points < 3:
        raise MetricError(
            f"extrapolating from {count} images in {points} points; give at least 20 and 3"
        )
    rng = np.random.default_rng(seed)
    counts = np.linspace(count / 10, count, points).astype(int)
    distances = [
        frechet_distance(
            statistics_of(features[torch.from_numpy(rng.permutation(count)[:n])]), reference
        )
        for n in counts
    ]
    inverse = 1.0 / counts
    slope, value = np.polyfit(inverse, distances, 1)
    residual = np.asarray(distances) - (slope * inverse + value)
    spread = float(np.var(distances))
    fit = 1.0 - float(np.var(residual)) / spread if spread > 0 else 1.0
    return Extrapolation(
        value=float(value),
        slope=float(slope),
        fit=fit,
        counts=tuple(int(n) for n in counts),
        distances=tuple(distances),
    )
