"""The search's own Gaussian process against scikit-learn's: ranks, and the time of a fit.

Subnets of a synthetic space with interactions are scored; the models are given some of them and
rank others. scikit-learn's gets the same Matérn 5/2 kernel with a length for each group, a trend
(dot products of the same basis), noise, standardised scores and the optimiser's starting point.

    python -m benchmarks.surrogate [--seeds 5] [--quick]
"""

import time
import warnings
from collections.abc import Callable

import numpy as np
from scipy.stats import spearmanr
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from benchmarks.record import record
from benchmarks.start import arguments_of, parser_of
from gancompress.architecture_search.surrogate import Surrogate, _basis
from gancompress.supernet.space import SearchSpace
from tests.unit.architecture_search.synthetic import Quality, space_of

GROUPS, CHOICES = 16, 8
SIZES = (40, 80, 150, 300)
RANKED = 1000

Predict = Callable[[np.ndarray], np.ndarray]


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    options = arguments_of(parser)
    sizes, seeds = (SIZES[:1], 1) if options.quick else (SIZES, options.seeds)
    models = {"own": own, "scikit-learn": theirs, "scikit-learn, trend": with_trend}
    rows = []
    for size in sizes:
        for name, fit in models.items():
            found = np.array([measured(fit, size, seed) for seed in range(seeds)])
            rank, seconds = np.median(found, axis=0)
            row = {"scored": size, "model": name, "rank correlation": round(float(rank), 3)}
            rows.append({**row, "milliseconds a fit": round(float(seconds) * 1e3, 1)})
    record("surrogate", rows, groups=GROUPS, choices=CHOICES, seeds=seeds, ranked=RANKED)


def measured(fit: Callable[[np.ndarray, np.ndarray], Predict], size: int, seed: int) -> list[float]:
    """Spearman's correlation on subnets that were not shown, and the seconds of the fit."""
    space, rng = space_of(GROUPS, CHOICES), np.random.default_rng(seed)
    subnets = np.array([space.sample(rng) for _ in range(size + RANKED)])
    scores, features = Quality(space, seed).of(subnets), features_of(space, subnets)
    start = time.perf_counter()
    predict = fit(features[:size], scores[:size])
    seconds = time.perf_counter() - start
    return [float(spearmanr(predict(features[size:]), scores[size:]).statistic), seconds]


def features_of(space: SearchSpace, subnets: np.ndarray) -> np.ndarray:
    """Logarithms of the widths, each group's choices at mean 0 and variance 1."""
    logs = [np.log(np.array(widths, dtype=float)) for widths in space.choices]
    centres, scales = (np.array([f(log) for log in logs]) for f in (np.mean, np.std))
    return (np.log(subnets) - centres) / scales


def own(features: np.ndarray, scores: np.ndarray) -> Predict:
    return Surrogate(features, scores).mean


def theirs(features: np.ndarray, scores: np.ndarray) -> Predict:
    kernel = ConstantKernel(1.0) * Matern(np.full(features.shape[1], 3.0), (0.2, 50.0), nu=2.5)
    model = GaussianProcessRegressor(kernel + WhiteKernel(1e-3, (1e-6, 1.0)), normalize_y=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(features, scores).predict


def with_trend(features: np.ndarray, scores: np.ndarray) -> Predict:
    """The trend by ridge regression first, scikit-learn's process on what it leaves."""
    basis = _basis(features)
    ridge = basis.T @ basis + 1e-2 * np.eye(basis.shape[1])
    weights = np.linalg.solve(ridge, basis.T @ scores)
    left = theirs(features, scores - basis @ weights)
    return lambda points: _basis(points) @ weights + left(points)


if __name__ == "__main__":
    main()
