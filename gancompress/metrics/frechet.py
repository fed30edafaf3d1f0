"""Fréchet distance between Gaussians fitted to features (Heusel et al. 2017, eq. 6).

d² = ‖μ₁ − μ₂‖² + tr Σ₁ + tr Σ₂ − 2 tr (Σ₁Σ₂)^½, in float64. The trace of the matrix root needs no
matrix root: with Σ₁ = AAᵀ and Σ₂ = BBᵀ it is the sum of the singular values of AᵀB.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.linalg import lapack
from torch import Tensor

from gancompress.errors import MetricError

Array = npt.NDArray[np.float64]

# Rows merged at once: enough that the D × D update costs little beside the product.
BLOCK = 1024

# How much rounding in the eigenvalues may weigh against tr Σ₁ + tr Σ₂ before the slower route.
_TOLERANCE = 1e-9


@dataclass(frozen=True)
class FeatureStatistics:
    """Mean and covariance of features.

    Attributes:
        count: samples seen; 0 where a file does not say.
        mean: (D,) float64.
        covariance: (D, D) float64, with n − 1 in the denominator.
    """

    count: int
    mean: Array
    covariance: Array

    @property
    def dimension(self) -> int:
        """D."""
        return int(self.mean.shape[0])

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits of a hash over the numbers."""
        digest = hashlib.sha256(str(self.count).encode())
        digest.update(self.mean.tobytes())
        digest.update(np.ascontiguousarray(self.covariance).tobytes())
        return digest.hexdigest()[:16]


class StatisticsAccumulator:
    """Mean and covariance of features that pass by once, in O(D²) memory.

    Rows are merged in blocks of :data:`BLOCK` by the pairwise update of Chan, Golub & LeVeque
    (1983), which subtracts means before squaring, so that large offsets cost no digits. As blocks
    do not follow batches, the batch size changes no bit.
    """

    def __init__(self, dimension: int) -> None:
        self.count = 0
        self.mean: Array = np.zeros(dimension)
        self.scatter: Array = np.zeros((dimension, dimension))
        self._waiting: list[Array] = []

    def add(self, features: Tensor) -> None:
        """Take in features (N, D), any float type.

        Raises:
            MetricError: another dimension, or NaN or infinite values.
        """
        values = features.detach().to("cpu", torch.float64, copy=True).numpy()
        if values.ndim != 2 or values.shape[1] != len(self.mean):
            raise MetricError(f"features have shape {values.shape}; expected (N, {len(self.mean)})")
        if not np.isfinite(values).all():
            raise MetricError("features hold NaN or infinite values")
        self._waiting.append(values)
        if sum(map(len, self._waiting)) >= BLOCK:
            rows = np.concatenate(self._waiting)
            whole = len(rows) // BLOCK * BLOCK
            for start in range(0, whole, BLOCK):
                self._take(rows[start : start + BLOCK])
            self._waiting = [rows[whole:].copy()]

    def settle(self) -> None:
        """Merge the rows that wait for a block to fill."""
        rows = np.concatenate([np.empty((0, len(self.mean))), *self._waiting])
        self._waiting = []
        if len(rows):
            self._take(rows)

    def _take(self, rows: Array) -> None:
        mean = rows.mean(0)
        centred = rows - mean
        self.merge(len(rows), mean, centred.T @ centred)

    def merge(self, count: int, mean: Array, scatter: Array) -> None:
        """Take in another set by its count, mean and sum of outer products around its mean."""
        if count == 0:
            return
        total = self.count + count
        difference = mean - self.mean
        self.scatter += scatter
        self.scatter += np.outer(difference, difference * (self.count * count / total))
        self.mean = self.mean + difference * (count / total)
        self.count = total

    def finish(self) -> FeatureStatistics:
        """The statistics so far.

        Raises:
            MetricError: fewer than two samples.
        """
        self.settle()
        if self.count < 2:
            raise MetricError(
                f"a covariance needs at least two images, and there "
                f"{'is one' if self.count else 'are none'}"
            )
        return FeatureStatistics(self.count, self.mean.copy(), self.scatter / (self.count - 1))


def statistics_of(features: Tensor) -> FeatureStatistics:
    """Statistics of features (N, D) held in memory."""
    accumulator = StatisticsAccumulator(features.shape[1])
    accumulator.add(features)
    return accumulator.finish()


def frechet_distance(a: FeatureStatistics, b: FeatureStatistics) -> float:
    """Squared Fréchet distance, what the literature reports as FID; never below zero.

    Raises:
        MetricError: dimensions differ, values are not finite, or a matrix is no covariance.
    """
    if a.dimension != b.dimension:
        raise MetricError(
            f"statistics of {a.dimension} and {b.dimension} dimensions come from different "
            "extractors; compute both with one"
        )
    for statistics in (a, b):
        _check(statistics)
    spread = float(np.trace(a.covariance) + np.trace(b.covariance))
    difference = a.mean - b.mean
    distance = float(difference @ difference) + spread - 2.0 * _trace_of_root(a, b, spread)
    return max(distance, 0.0)


def _check(statistics: FeatureStatistics) -> None:
    covariance = statistics.covariance
    if covariance.shape != (statistics.dimension, statistics.dimension):
        raise MetricError(
            f"covariance of shape {covariance.shape} does not fit a mean of {statistics.dimension}"
        )
    if not (np.isfinite(statistics.mean).all() and np.isfinite(covariance).all()):
        raise MetricError("statistics hold NaN or infinite values")
    largest = float(np.abs(covariance).max())
    if float(np.abs(covariance - covariance.T).max()) > 1e-6 * largest:
        raise MetricError("covariance is not symmetric; the statistics are damaged")


def _trace_of_root(a: FeatureStatistics, b: FeatureStatistics, spread: float) -> float:
    """tr (Σ₁Σ₂)^½."""
    fast = _by_eigenvalues(a, b, spread)
    if fast is not None:
        return fast
    product = _factor(a.covariance).T @ _factor(b.covariance)
    if 0 in product.shape:
        return 0.0
    return float(np.linalg.svd(product, compute_uv=False).sum())


def _by_eigenvalues(a: FeatureStatistics, b: FeatureStatistics, spread: float) -> float | None:
    """Σ √λ(LᵀΣ₂L) with Σ₁ = LLᵀ; None where singular matrices would cost it digits,
    or where Σ₂ is no covariance.

    Squaring singular values halves the digits of the small ones: an error δ in an eigenvalue λ is
    one of min(√δ, δ / 2√λ) in its root. The route is taken only where those add up to nothing.
    """
    if 0 < a.count <= a.dimension or 0 < b.count <= b.dimension:
        return None
    lower, failed = lapack.dpotrf(a.covariance, lower=1, clean=1)
    if failed:
        return None
    # LᵀΣ₂L in one sweep over one triangle, a quarter of the work of two products.
    product, _ = lapack.dsygst(b.covariance, lower, itype=2, lower=1)
    eigenvalues = np.linalg.eigvalsh(product, UPLO="L")
    rounding = np.finfo(np.float64).eps * np.sqrt(a.dimension) * float(eigenvalues[-1])
    if eigenvalues[0] < -rounding:
        return None
    roots = np.sqrt(np.clip(eigenvalues, 0.0, None))
    error = np.minimum(np.sqrt(rounding), rounding / np.maximum(2.0 * roots, 1e-300)).sum()
    return None if 2.0 * error > _TOLERANCE * spread else float(roots.sum())


def _factor(covariance: Array) -> Array:
    """A (D, rank) with AAᵀ = covariance, by Cholesky with pivots."""
    lower, pivots, rank, _ = lapack.dpstrf(covariance, lower=1)
    factor = np.empty((len(covariance), rank))
    factor[pivots - 1] = np.tril(lower)[:, :rank]
    # What the factor leaves out is rounding for a covariance, and more for anything else.
    left = float(np.trace(covariance)) - float((factor**2).sum())
    if abs(left) > 1e-6 * float(np.abs(np.diagonal(covariance)).sum()):
        raise MetricError("covariance has negative eigenvalues; the statistics are damaged")
    return factor
