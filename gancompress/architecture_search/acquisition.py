"""How much a subnet that was not scored yet is expected to improve the front."""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from scipy.special import ndtr

from gancompress.architecture_search.feasible import Feasible, Levels, Vector
from gancompress.architecture_search.surrogate import Surrogate

# The share of the proposals that are made for the limits, where there are any.
AT_LIMIT = 0.9
# Factors of the model's standard deviation, by turns: of few scores it is underestimated.
DEVIATION_FACTORS = (1.0, 2.0, 4.0)
# The other proposals lie within a share of the costs, on a log scale, about a random one.
BAND = 0.1


def improvements(
    feasible: Feasible,
    models: Sequence[Surrogate],
    pool: Levels,
    known: Levels,
    scores: Vector,
    rng: np.random.Generator,
) -> Iterator[Levels]:
    """Rows of ``pool`` by expected improvement (Jones et al. 1998, equation 15).

    The improvement is over the best score at no more than the subnet's own cost: every point of
    the front counts, however small the range of budgets that it is best for. Under limits it is
    mostly over the best score of all.

    Args:
        models: of each objective.
        pool: subnets to choose from, none of them scored.
        known, scores: subnets scored, and their scores (n, objectives), lower is better.
    """
    posteriors = [model.posterior(feasible.features(pool)) for model in models]
    means = np.stack([posterior.mean for posterior in posteriors])
    costs, paid = feasible.cost(pool), feasible.cost(known)
    places = (np.log(costs) - np.log(costs.min())) / (np.log(costs.max() / costs.min()) or 1.0)
    scales = scores.std(axis=0) + 1e-12
    left = np.ones(len(pool), dtype=bool)
    factors = itertools.cycle(DEVIATION_FACTORS)
    while left.any():
        weights = rng.dirichlet(np.ones(len(models))) / scales
        spreads = np.stack([posterior.spread for posterior in posteriors])
        spread = np.sqrt(np.square(weights) @ np.square(spreads)) * next(factors)
        among = left
        if feasible.limited and rng.random() < AT_LIMIT:
            best = np.full(len(pool), (scores @ weights).min())
        else:
            best = _best_for(costs, paid, scores @ weights)
            near = left & (np.abs(places - rng.uniform(-BAND / 2, 1 + BAND / 2)) <= BAND)
            among = near if near.any() else left
        gain = (best - weights @ means) / spread
        improvement = spread * (gain * ndtr(gain) + np.exp(-0.5 * gain**2) / np.sqrt(2 * np.pi))
        chosen = int(np.where(among, improvement, -1.0).argmax())
        left[chosen] = False
        for posterior in posteriors:
            posterior.condition(chosen)
        paid = np.append(paid, costs[chosen])
        scores = np.vstack([scores, means[:, chosen]])
        yield pool[chosen]


def _best_for(costs: Vector, paid: Vector, scores: Vector) -> Vector:
    """For each of ``costs`` the least score that no more was ``paid`` for, else the worst."""
    order = np.argsort(paid, kind="stable")
    least = np.concatenate([[scores.max()], np.minimum.accumulate(scores[order])])
    best: Vector = least[np.searchsorted(paid[order], costs, side="right")]
    return best


def near_front(feasible: Feasible, models: Sequence[Surrogate], pool: Levels, count: int) -> Levels:
    """Indices of ``count`` rows of ``pool``, those closest to the front that the models expect."""
    order = np.argsort(feasible.cost(pool), kind="stable")
    features = feasible.features(pool[order])
    listed = []
    for model in models:
        means = model.mean(features)
        excess = means - np.minimum.accumulate(means)
        listed.append(order[np.argsort(excess, kind="stable")[: count // len(models)]])
    shortlist: Levels = np.unique(np.concatenate(listed))
    return shortlist
