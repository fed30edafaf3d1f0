"""A model of the scores: what a subnet is expected to score, and how sure that is.

A Gaussian process over the logarithms of the widths (Rasmussen and Williams 2006, algorithm 2.1)
with a Matérn 5/2 kernel; length scales, one per group, and noise maximise the marginal likelihood.
In tens to hundreds of scores it finds the interactions of widths that an evolution has
to stumble upon.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, solve_triangular

Matrix = NDArray[np.float64]

_LENGTHS = (1.5, 3.0, 6.0, 12.0)  # of a unit step in every feature, at first
_NOISES = (1e-4, 1e-2, 1e-1)  # variances, of scores with unit variance
_STRETCHES = (0.4, 2.5)  # what a feature's own length is tried to be multiplied by
_PASSES = 2
_FITTED = 150  # rows, the first ones, that lengths are fitted to


class Surrogate:
    """The posterior of scores given (features, scores)."""

    def __init__(self, features: Matrix, scores: Matrix) -> None:
        """Fit to ``features`` (n, D), about standardised, and finite ``scores`` (n,)."""
        self._mean, self._scale = float(scores.mean()), float(scores.std()) or 1.0
        target = (scores - self._mean) / self._scale
        self._lengths, noise = _fit(features[:_FITTED], target[:_FITTED])
        self._features = features / self._lengths
        kernel = _matern(_distances(self._features, self._features))
        self._root, _ = cho_factor(kernel + noise * np.eye(len(target)), lower=True)
        self._weights = cho_solve((self._root, True), target)

    def mean(self, features: Matrix) -> Matrix:
        """Expected scores of ``features`` (m, D)."""
        expected: Matrix = self._covariance(features) @ self._weights * self._scale + self._mean
        return expected

    def spread(self, features: Matrix) -> Matrix:
        """Standard deviations of the scores of ``features`` (m, D)."""
        explained = solve_triangular(self._root, self._covariance(features).T, lower=True)
        variance = np.maximum(1 - np.square(explained).sum(axis=0), 1e-12)
        spread: Matrix = np.sqrt(variance) * self._scale
        return spread

    def _covariance(self, features: Matrix) -> Matrix:
        return _matern(_distances(features / self._lengths, self._features))


def _fit(features: Matrix, target: Matrix) -> tuple[Matrix, float]:
    """Length of each feature and variance of the noise, by coordinate ascent of the evidence.

    Starting from one length for all, each feature's own is stretched or shrunk while that helps:
    groups that hardly matter get long lengths, and are not explored at the expense of others.
    """
    ones = np.ones(features.shape[1])
    starts = ((length * ones, noise) for length in _LENGTHS for noise in _NOISES)
    found = [
        (_evidence(features / lengths, target, noise), lengths, noise) for lengths, noise in starts
    ]
    best, lengths, noise = max(found, key=lambda fit: fit[0])
    for _ in range(_PASSES):
        for feature in range(features.shape[1]):
            for stretch in _STRETCHES:
                tried = lengths.copy()
                tried[feature] *= stretch
                evidence = _evidence(features / tried, target, noise)
                if evidence > best:
                    best, lengths = evidence, tried
                    break
        noises = [(_evidence(features / lengths, target, other), other) for other in _NOISES]
        best, noise = max(noises)
    return lengths, noise


def _evidence(features: Matrix, target: Matrix, noise: float) -> float:
    """Logarithm of the marginal likelihood, up to a constant."""
    kernel = _matern(_distances(features, features))
    root, _ = cho_factor(kernel + noise * np.eye(len(target)), lower=True)
    explained = target @ cho_solve((root, True), target)
    return float(-0.5 * explained - np.log(np.diag(root)).sum())


def _distances(a: Matrix, b: Matrix) -> Matrix:
    squares = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1) - 2 * a @ b.T
    distances: Matrix = np.sqrt(np.maximum(squares, 0))
    return distances


def _matern(scaled: Matrix) -> Matrix:
    root = np.sqrt(5) * scaled
    kernel: Matrix = (1 + root + root**2 / 3) * np.exp(-root)
    return kernel
