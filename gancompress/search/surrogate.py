"""A model of the scores: what a subnet is expected to score, and how sure that is.

A Gaussian process over the logarithms of the widths (Rasmussen and Williams 2006, algorithm 2.1)
with a Matérn 5/2 kernel; length scale and noise are those of the highest marginal likelihood on a
small grid. In tens to hundreds of scores it finds the interactions of widths that an evolution has
to stumble upon.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, solve_triangular

Matrix = NDArray[np.float64]

_LENGTHS = (1.5, 3.0, 6.0, 12.0)  # in standard deviations of one feature
_NOISES = (1e-4, 1e-2, 1e-1)  # variances, of scores with unit variance


class Surrogate:
    """The posterior of scores given (features, scores)."""

    def __init__(self, features: Matrix, scores: Matrix) -> None:
        """Fit to ``features`` (n, D), about standardised, and finite ``scores`` (n,)."""
        self._features = features
        self._mean, self._scale = float(scores.mean()), float(scores.std()) or 1.0
        target = (scores - self._mean) / self._scale
        distances = _distances(features, features)
        best = -np.inf
        for length in _LENGTHS:
            kernel = _matern(distances / length)
            for noise in _NOISES:
                factor = cho_factor(kernel + noise * np.eye(len(target)), lower=True)
                weights = cho_solve(factor, target)
                evidence = -0.5 * target @ weights - np.log(np.diag(factor[0])).sum()
                if evidence > best:
                    best = evidence
                    self._length, self._root, self._weights = length, factor[0], weights

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
        return _matern(_distances(features, self._features) / self._length)


def _distances(a: Matrix, b: Matrix) -> Matrix:
    squares = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1) - 2 * a @ b.T
    distances: Matrix = np.sqrt(np.maximum(squares, 0))
    return distances


def _matern(scaled: Matrix) -> Matrix:
    root = np.sqrt(5) * scaled
    kernel: Matrix = (1 + root + root**2 / 3) * np.exp(-root)
    return kernel
