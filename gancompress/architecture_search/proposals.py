"""Which subnets to score next: first a population over the whole cost range, then what a model of
the scores so far expects to improve the front most.
"""

import itertools
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from gancompress.architecture_search.acquisition import improvements, near_front
from gancompress.architecture_search.feasible import Feasible, Levels
from gancompress.architecture_search.surrogate import Surrogate
from gancompress.supernet.space import Subnet

Matrix = NDArray[np.float64]

UNIFORM_RATIOS = tuple(step / 16 for step in range(1, 17))

# Random subnets that the starting population is picked from, and widths that they have together.
RANDOM_POOL, RANDOM_WIDTHS = 100_000, 2_000_000
# Of those, looked at for one cost.
CELL = 500
# Under limits it covers the costs down to this part of the dearest subnet that fits.
LIMITED_RANGE = 10
# Spaces up to this size are looked through as a whole for every round of proposals.
ENUMERABLE = 20_000
# In larger ones: random subnets, children of the best, and neighbours in each climb, so many each,
# and widths that these have together.
POOL, POOL_WIDTHS = 2_000, 100_000
CLIMBS = 3
# Scores that the model is fitted to, its cost being cubic, and subnets whose spread is computed.
MODEL_SCORES = 500
SHORTLIST = 1_500
# Parents of the children; four times as many are climbed from.
ELITE = 32


def uniform_line(feasible: Feasible) -> list[Subnet]:
    """The uniform-width subnets within the limits, narrow to wide."""
    line = list(dict.fromkeys(feasible.space.uniform(ratio) for ratio in UNIFORM_RATIOS))
    inside = feasible.inside(feasible.levels(line))
    return [subnet for subnet, fits in zip(line, inside, strict=True) if fits]


def starting_population(feasible: Feasible, count: int, rng: np.random.Generator) -> list[Subnet]:
    """About ``count`` subnets over the cost range, all within the limits.

    The smallest, the largest, uniform widths at several ratios, and for evenly spaced costs (on a
    log scale) the one of :data:`RANDOM_POOL` random subnets that lies farthest from those chosen.
    Under limits all but the smallest cost at least a :data:`LIMITED_RANGE`-th of the dearest.
    """
    pool = feasible.random(min(RANDOM_POOL, RANDOM_WIDTHS // len(feasible.tops)), rng)
    logs = np.log(feasible.cost(pool))
    least = max(logs.min(), logs.max() - np.log(LIMITED_RANGE)) if feasible.limited else logs.min()
    line = feasible.levels(uniform_line(feasible) or [feasible.space.smallest])
    line = line[np.log(feasible.cost(line)) >= min(least, np.log(feasible.cost(line)).max())]
    spread = np.linspace(0, len(line) - 1, max(2, count // 2)).round().astype(int)
    smallest = feasible.levels([feasible.space.smallest])
    chosen = [*_unique(np.concatenate([smallest, line[spread]]))]
    order = np.argsort(logs, kind="stable")
    edges = np.linspace(least, logs.max(), max(1, count - len(chosen)) + 1)
    for start, stop in itertools.pairwise(np.searchsorted(logs[order], edges)):
        if stop > start:
            cell = pool[order[start:stop][:CELL]]
            steps = np.abs(cell[:, None] - np.array(chosen)) / np.maximum(feasible.tops, 1)
            chosen.append(cell[steps.sum(axis=2).min(axis=1).argmax()])
    return list(dict.fromkeys(feasible.subnet(row) for row in chosen))[:count]


def next_round(
    feasible: Feasible,
    subnets: Sequence[Subnet],
    scores: Matrix,
    taken: Collection[Subnet],
    count: int,
    rng: np.random.Generator,
) -> list[Subnet]:
    """Up to ``count`` new subnets within the limits, in the order to score them.

    Args:
        subnets: those scored, all within the limits.
        scores: theirs (n, objectives), finite, lower is better; several objectives are weighed at
            random, anew for each proposal.
        taken: subnets not to propose again.
        rng: decides whatever is random.
    """
    known = feasible.levels(subnets)
    ranked = elite(np.column_stack([feasible.cost(known), scores]), len(known))
    fitted_to = ranked[:MODEL_SCORES]
    features = feasible.features(known[fitted_to])
    models = [Surrogate(features, column) for column in scores[fitted_to].T]
    pool = _pool(feasible, models, known[ranked[:ELITE]], rng)
    used = {row.tobytes() for row in feasible.levels(list(taken))}
    pool = pool[[row.tobytes() not in used for row in pool]]
    if not len(pool):
        return []
    pool = pool[near_front(feasible, models, pool, SHORTLIST)]
    found = improvements(feasible, models, pool, known, scores, rng)
    return [feasible.subnet(row) for row in itertools.islice(found, count)]


def _pool(
    feasible: Feasible, models: Sequence[Surrogate], best: Levels, rng: np.random.Generator
) -> Levels:
    """What the models are asked about: the whole space where it is small, else a choice of it.

    The choice begins with random subnets and children of the ``best``, and climbs: neighbours of
    what the models expect most of are added, again and again.
    """
    if feasible.space.size <= ENUMERABLE:
        return feasible.everything
    count = min(POOL, POOL_WIDTHS // len(feasible.tops))
    children, others = _children(feasible, best, count, rng), feasible.random(count, rng)
    pool = np.concatenate([best, children, others])
    for _ in range(CLIMBS):
        pool = _unique(pool)
        top = pool[near_front(feasible, models, pool, ELITE * 4)]
        pool = np.concatenate([pool, _neighbours(feasible, top, count, rng)])
    return _unique(pool)


def _children(feasible: Feasible, parents: Levels, count: int, rng: np.random.Generator) -> Levels:
    """Uniform crossovers of ``parents``, two levels in each moved by up to one, repaired to fit."""
    groups = parents.shape[1]
    pairs = parents[rng.integers(len(parents), size=(2, count))]
    crossed = np.where(rng.random((count, groups)) < 0.5, pairs[0], pairs[1])
    moved = rng.integers(-1, 2, crossed.shape) * (rng.random(crossed.shape) < 2 / groups)
    return feasible.repair(np.clip(crossed + moved, 0, feasible.tops), rng)


def _neighbours(feasible: Feasible, levels: Levels, count: int, rng: np.random.Generator) -> Levels:
    """``count`` neighbours: one group as it is or a step wider, one as it is or narrower.

    At the edge of a budget only such exchanges stay near it.
    """
    moved = levels[rng.integers(len(levels), size=count)]
    rows, groups = np.arange(count), levels.shape[1]
    moved[rows, rng.integers(groups, size=count)] += rng.integers(0, 2, count)
    moved[rows, rng.integers(groups, size=count)] -= rng.integers(0, 2, count)
    return feasible.repair(np.clip(moved, 0, feasible.tops), rng)


def dominators(objectives: Matrix) -> Levels:
    """How many other rows are at least as low in every column and lower in one: (n,)."""
    counts = np.zeros(len(objectives), dtype=np.int64)
    for row in objectives:
        counts += (row <= objectives).all(axis=1) & (row < objectives).any(axis=1)
    return counts


def elite(objectives: Matrix, count: int) -> Levels:
    """Indices of the ``count`` rows that the fewest others dominate."""
    best: Levels = np.argsort(dominators(objectives), kind="stable")[:count]
    return best


def _unique(levels: Levels) -> Levels:
    """Rows without repetitions, in their order."""
    first: dict[bytes, int] = {}
    for number, row in enumerate(levels):
        first.setdefault(row.tobytes(), number)
    return levels[list(first.values())]
