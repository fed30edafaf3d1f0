"""How long a subnet takes on a runtime, predicted from a modest number that were timed.

Multiply-adds do not tell: runtimes prefer some widths and layers to others. The prediction is
linear in the MACs of every layer and the widths of every group (what a layer computes and what it
moves), fitted by ridge regression to relative errors.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gancompress.architecture_search.feasible import Feasible
from gancompress.errors import MetricError
from gancompress.supernet.cost import CostModel
from gancompress.supernet.space import SearchSpace, Subnet

Matrix = NDArray[np.float64]

FEWEST = 8
# Random subnets that those to time are picked from; what a measurement leaves unknown.
_POOL, _NOISE = 2_000, 1e-2
_STRENGTHS = tuple(10.0**power for power in range(-6, 3))


@dataclass(frozen=True)
class LatencyPredictor:
    """Predicts seconds; :func:`fit_latency` makes one.

    Attributes:
        measured: the subnets that were timed, with their seconds.
        median_error: median of |predicted - measured| / measured, each subnet predicted from all
            the others.
        worst_error: the largest of them.
    """

    measured: Mapping[Subnet, float]
    median_error: float
    worst_error: float
    _features: Callable[[NDArray[np.int64]], Matrix]
    _weights: Matrix

    def __call__(self, widths: NDArray[np.int64]) -> Matrix:
        """Seconds of ``widths`` (n, groups): (n,), never below half of the fastest measured."""
        seconds: Matrix = self._features(np.asarray(widths)) @ self._weights
        return np.maximum(seconds, 0.5 * min(self.measured.values()))


def subnets_to_time(
    space: SearchSpace, cost_model: CostModel, count: int, seed: int
) -> list[Subnet]:
    """At most ``count`` subnets to fit to: the smallest, the largest, and what tells most.

    Each next one is that of many random subnets whose time the linear model knows least from those
    before (a greedy D-optimal design), so that every layer and width is told apart from the others
    as well as so many measurements can.
    """
    feasible, rng = Feasible(space, cost_model.costs, {}, "macs"), np.random.default_rng(seed)
    ends = feasible.levels([space.smallest, space.largest])
    pool = np.unique(np.concatenate([ends, feasible.random(_POOL, rng)]), axis=0)
    rows = _feature_map(cost_model)(feasible.widths(pool))
    # Errors are relative: what takes long is known as well as what does not.
    rows /= rows[:, 1:2] + 0.1
    rows = (rows - rows.mean(axis=0)) / np.maximum(rows.std(axis=0), 1e-9)
    rows = np.hstack([np.ones((len(rows), 1)), rows])
    # The first and the last row of a sorted pool are the smallest and the largest subnet.
    chosen, known = list[int](), np.zeros((0, len(rows)))
    unknown = np.square(rows).sum(axis=1)
    for number in range(min(count, len(pool))):
        next_one = (0, len(pool) - 1)[number] if number < 2 else int(unknown.argmax())
        shared = rows @ rows[next_one] - known[:, next_one] @ known
        shared /= np.sqrt(unknown[next_one] + _NOISE)
        known, unknown = np.vstack([known, shared]), unknown - np.square(shared)
        chosen.append(next_one)
        unknown[chosen] = -np.inf
    return [feasible.subnet(pool[index]) for index in chosen]


def fit_latency(cost_model: CostModel, measured: Mapping[Subnet, float]) -> LatencyPredictor:
    """Fit a predictor to ``measured`` seconds by subnet.

    The strength of the ridge is the one with the least leave-one-out error.

    Raises:
        MetricError: fewer than :data:`FEWEST` subnets, or a time that is not positive.
    """
    seconds = np.array(list(measured.values()), dtype=np.float64)
    if len(seconds) < FEWEST or not (np.isfinite(seconds) & (seconds > 0)).all():
        raise MetricError(
            f"latency of {len(seconds)} subnets: at least {FEWEST} positive times are needed"
        )
    features = _feature_map(cost_model)
    # Dividing each row by its time makes errors relative.
    rows = features(np.array(list(measured), dtype=np.int64)) / seconds[:, None]
    fits = [_ridge(rows, strength) for strength in _STRENGTHS]
    weights, errors = min(fits, key=lambda fit: float(np.square(fit[1]).mean()))
    return LatencyPredictor(
        measured=dict(measured),
        median_error=float(np.median(errors)),
        worst_error=float(errors.max()),
        _features=features,
        _weights=weights,
    )


def _feature_map(cost_model: CostModel) -> Callable[[NDArray[np.int64]], Matrix]:
    """Widths (n, groups) to a constant, all MACs, MACs by layer, widths: each 1 at full width."""
    full = np.array([cost_model.space.largest], dtype=np.int64)
    full_macs = np.maximum(cost_model.layer_macs(full)[0], 1.0)

    def features(widths: NDArray[np.int64]) -> Matrix:
        macs = cost_model.layer_macs(widths)
        total = macs.sum(axis=1, keepdims=True) / full_macs.sum()
        return np.hstack([np.ones_like(total), total, macs / full_macs, widths / full])

    return features


def _ridge(rows: Matrix, strength: float) -> tuple[Matrix, Matrix]:
    """Weights for targets of 1, and each row's leave-one-out error.

    The constant and all MACs together are hardly penalised: with little data a layer's own weight
    stays near zero and the total decides.
    """
    penalty = np.full(rows.shape[1], strength * np.square(rows).mean() * len(rows))
    penalty[:2] *= 1e-3
    inverse = np.linalg.pinv(rows.T @ rows + np.diag(penalty), hermitian=True)
    weights: Matrix = inverse @ rows.sum(axis=0)
    leverage = np.einsum("ij,jk,ik->i", rows, inverse, rows)
    errors: Matrix = np.abs(1 - rows @ weights) / np.maximum(1 - leverage, 1e-6)
    return weights, errors


def time_subnets(
    subnets: Sequence[Subnet], time_one: Callable[[Subnet], float]
) -> dict[Subnet, float]:
    """Seconds of ``subnets`` by ``time_one``; twice, in turn and in reverse, keeping the lesser.

    What slows the machine for a while then slows no subnet for good.
    """
    first = {subnet: time_one(subnet) for subnet in subnets}
    return {
        subnet: min(first[subnet], again)
        for subnet, again in ((subnet, time_one(subnet)) for subnet in reversed(subnets))
    }
