"""A model of the scores: what a subnet is expected to score, and how sure that is.

A Gaussian process (Rasmussen and Williams 2006, algorithm 2.1) over the logarithms of the widths:
a trend, linear and quadratic in every width, which few scores suffice for, and a Matérn 5/2 kernel
with a length of its own for every group, for how widths act together.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve, solve_triangular
from scipy.optimize import minimize

Matrix = NDArray[np.float64]

# Rows, the first ones, that the hyperparameters are fitted to, and steps of that fit.
_FITTED = 150
_STEPS = 40
# Means and deviations of log-normal priors, for lengths in units of a feature's deviation and for
# variances of standardised scores; the trend's is shared out among the features.
_LENGTH, _LENGTH_DEVIATION = 3.0, 1.0
_KERNEL, _TREND, _NOISE = 1.0, 1.0, 1e-3
_DEVIATIONS = (1.5, 1.5, 2.0)
_LEAST_NOISE = 1e-6


class Surrogate:
    """The posterior of scores given (features, scores)."""

    def __init__(self, features: Matrix, scores: Matrix) -> None:
        """Fit to ``features`` (n, D), about standardised, and finite ``scores`` (n,)."""
        self._mean, self._scale = float(scores.mean()), float(scores.std()) or 1.0
        target = (scores - self._mean) / self._scale
        logs = _fit(features[:_FITTED], target[:_FITTED])
        self._lengths = np.exp(logs[:-3])
        self._kernel, self._trend, self.noise = map(float, np.exp(logs[-3:]))
        self._features = features
        covariance = self._covariance(features, features) + self.noise * np.eye(len(target))
        self._root = cho_factor(covariance, lower=True)
        self._weights = cho_solve(self._root, target)

    def mean(self, features: Matrix) -> Matrix:
        """Expected scores of ``features`` (m, D)."""
        covariance = self._covariance(features, self._features)
        expected: Matrix = self._mean + self._scale * (covariance @ self._weights)
        return expected

    def posterior(self, features: Matrix) -> "Posterior":
        """Expected scores of ``features`` (m, D), with how they hang together."""
        return Posterior(self, features)

    def _covariance(self, a: Matrix, b: Matrix) -> Matrix:
        matern = _matern(_distances(a / self._lengths, b / self._lengths))
        covariance: Matrix = self._kernel * matern + self._trend * (_basis(a) @ _basis(b).T)
        return covariance

    def _variance(self, features: Matrix) -> Matrix:
        variance: Matrix = self._kernel + self._trend * np.square(_basis(features)).sum(axis=1)
        return variance

    def _explained(self, features: Matrix) -> Matrix:
        covariance = self._covariance(self._features, features)
        explained: Matrix = solve_triangular(self._root[0], covariance, lower=True)
        return explained


class Posterior:
    """Mean and variance of the scores of a pool of subnets, to be conditioned on further ones.

    Attributes:
        mean: expected scores (m,).
    """

    def __init__(self, model: Surrogate, features: Matrix) -> None:
        self.mean = model.mean(features)
        self._model, self._features = model, features
        self._explained = model._explained(features)
        self._variance = model._variance(features) - np.square(self._explained).sum(axis=0)
        self._steps: list[Matrix] = []

    @property
    def spread(self) -> Matrix:
        """Standard deviations of the scores (m,)."""
        spread: Matrix = np.sqrt(np.maximum(self._variance, 1e-12)) * self._model._scale
        return spread

    def condition(self, index: int) -> None:
        """Condition on subnet ``index`` having its expected score; the means stay as they are.

        The variance around it shrinks, so that further ones are chosen elsewhere although none has
        been scored yet ("kriging believer", Ginsbourger et al. 2010).
        """
        row = self._features[index : index + 1]
        covariance = self._model._covariance(self._features, row)[:, 0]
        covariance -= self._explained.T @ self._explained[:, index]
        for step in self._steps:
            covariance -= step * step[index]
        step = covariance / np.sqrt(max(self._variance[index], 1e-12) + self._model.noise)
        self._steps.append(step)
        self._variance = self._variance - np.square(step)


def _fit(features: Matrix, target: Matrix) -> Matrix:
    """Logarithms of the lengths (D), and of the variances of kernel, trend and noise.

    Those that make the scores and themselves, under their priors, most likely.
    """
    count, groups = features.shape
    squares = np.stack([np.square(column[:, None] - column) for column in features.T])
    trend = _basis(features) @ _basis(features).T
    expected = np.log([*[_LENGTH] * groups, _KERNEL, _TREND / groups, _NOISE])
    deviations = np.array([*[_LENGTH_DEVIATION] * groups, *_DEVIATIONS])

    def unlikelihood(logs: Matrix) -> tuple[float, Matrix]:
        lengths, (kernel, slope, noise) = np.exp(logs[:-3]), np.exp(logs[-3:])
        distances = np.sqrt(np.tensordot(lengths**-2.0, squares, 1))
        matern = kernel * _matern(distances)
        covariance = matern + slope * trend + noise * np.eye(count)
        try:
            root = cho_factor(covariance, lower=True)
        except LinAlgError:
            return np.inf, np.zeros_like(logs)
        inverse = cho_solve(root, np.eye(count))
        weights = inverse @ target
        away = (logs - expected) / deviations
        value = 0.5 * target @ weights + np.log(np.diag(root[0])).sum() + 0.5 * away @ away
        # Rasmussen and Williams, equation 5.9, for each logarithm.
        slopes = 0.5 * (inverse - np.outer(weights, weights))
        by_distance = slopes * kernel * 5 / 3 * (1 + np.sqrt(5) * distances)
        by_distance *= np.exp(-np.sqrt(5) * distances)
        gradient = np.array([
            *(np.tensordot(squares, by_distance, 2) / lengths**2),
            (slopes * matern).sum(), slope * (slopes * trend).sum(), noise * np.trace(slopes),
        ])  # fmt: skip
        return float(value), gradient + away / deviations

    limits = [(np.log(0.2), np.log(50.0))] * groups + [(-6.0, 4.0), (-10.0, 4.0)]
    limits.append((np.log(_LEAST_NOISE), 0.0))
    found = minimize(
        unlikelihood, expected, jac=True, method="L-BFGS-B", bounds=limits,
        options={"maxiter": _STEPS},
    )  # fmt: skip
    logs: Matrix = found.x
    return logs


def _basis(features: Matrix) -> Matrix:
    """What the trend is linear in: a constant, every feature and its square."""
    return np.hstack([np.ones((len(features), 1)), features, features**2 - 1])


def _distances(a: Matrix, b: Matrix) -> Matrix:
    squares = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1) - 2 * a @ b.T
    distances: Matrix = np.sqrt(np.maximum(squares, 0))
    return distances


def _matern(distances: Matrix) -> Matrix:
    root = np.sqrt(5) * distances
    kernel: Matrix = (1 + root + root**2 / 3) * np.exp(-root)
    return kernel
