"""Which subnets to score next: first a population over the whole cost range, then what a model of
the scores so far expects most of, mixed with children of the best (NSGA-II).
"""

import itertools
from collections.abc import Collection, Iterator, Sequence

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import IntDistribution
from optuna.samplers import NSGAIISampler
from optuna.trial import create_trial
from scipy.stats import norm

from gancompress.elastic.space import Subnet
from gancompress.search.feasible import Feasible, Levels
from gancompress.search.surrogate import Surrogate

Matrix = NDArray[np.float64]

UNIFORM_RATIOS = tuple(step / 16 for step in range(1, 17))

# Random subnets that the starting population is picked from.
RANDOM_POOL = 100_000
# Of those, looked at for one cost.
CELL = 500
# Under limits it covers the costs down to this part of the dearest subnet that fits.
LIMITED_RANGE = 10
# Spaces up to this size are looked through as a whole for every round of proposals.
ENUMERABLE = 20_000
# In larger ones: random subnets, children and one-step neighbours of the best, about as many each.
POOL = 2_000
# Scores that the model is fitted to, its cost being cubic, and subnets whose spread is computed.
MODEL_SCORES = 500
SHORTLIST = 1_500
# Every other proposal doubts the model more than it does itself: few scores make it too sure.
BOLDNESS = (1.0, 3.0)
# Every fourth proposal is a child that does not ask the model: it keeps exploring where that errs.
CHILDREN_EVERY = 4
# Parents of those children and of the candidates bred for the model.
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
    pool = feasible.random(RANDOM_POOL, rng)
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

    Each proposal is made for one budget, so that the whole front grows: it is the subnet with the
    greatest expected improvement on the best score within that budget (Jones et al. 1998,
    "Efficient global optimization", equation 15).

    Args:
        subnets: those scored, all within the limits.
        scores: theirs (n, objectives), finite, lower is better; several objectives are weighed at
            random, anew for each proposal.
        taken: subnets not to propose again.
        rng: decides whatever is random.
    """
    known = feasible.levels(subnets)
    objectives = np.column_stack([feasible.cost(known), scores])
    ranked = elite(objectives, len(known))
    best = ranked[:ELITE]
    used = {row.tobytes() for row in feasible.levels(list(taken))}
    pool = _pool(feasible, known[best], rng)
    pool = pool[[row.tobytes() not in used for row in pool]]
    expected = _expect(feasible, known, scores, ranked, pool, rng) if len(pool) else iter(())
    born = iter(_children(feasible, known[best], objectives[best], count // CHILDREN_EVERY, rng))
    chosen: list[Levels] = []
    while len(chosen) < count:
        source = born if len(chosen) % CHILDREN_EVERY == CHILDREN_EVERY - 1 else expected
        row = next(source, None)
        if row is None:
            row = next(expected, None)
        if row is None:
            break
        if row.tobytes() not in used:
            used.add(row.tobytes())
            chosen.append(row)
    return [feasible.subnet(row) for row in chosen]


def _expect(
    feasible: Feasible,
    known: Levels,
    scores: Matrix,
    ranked: Levels,
    pool: Levels,
    rng: np.random.Generator,
) -> Iterator[Levels]:
    """Rows of ``pool`` by expected improvement, each for a budget of its own."""
    fitted_to = ranked[:MODEL_SCORES]
    features = feasible.features(known[fitted_to])
    models = [Surrogate(features, column) for column in scores[fitted_to].T]
    pool = pool[_shortlist(feasible, models, pool)]
    means = np.stack([model.mean(feasible.features(pool)) for model in models])
    spreads = np.stack([model.spread(feasible.features(pool)) for model in models])
    scales = scores.std(axis=0) + 1e-12
    costs, paid = feasible.cost(pool), feasible.cost(known)
    left = np.ones(len(pool), dtype=bool)
    boldness = itertools.cycle(BOLDNESS)
    while left.any():
        budget = feasible.draw_budget(rng)
        weights = rng.dirichlet(np.ones(len(models))) / scales
        within = left & (costs <= budget)
        if not within.any():
            within = left
        reached = (scores @ weights)[paid <= budget]
        best = reached.min() if len(reached) else (scores @ weights).max()
        spread = np.sqrt(np.square(weights) @ np.square(spreads[:, within])) * next(boldness)
        gain = (best - weights @ means[:, within]) / spread
        improvement = spread * (gain * norm.cdf(gain) + norm.pdf(gain))
        found = np.flatnonzero(within)[improvement.argmax()]
        left[found] = False
        yield pool[found]


def _shortlist(feasible: Feasible, models: Sequence[Surrogate], pool: Levels) -> Levels:
    """Indices of the rows that come closest to the front the models expect."""
    order = np.argsort(feasible.cost(pool), kind="stable")
    listed = []
    for model in models:
        means = model.mean(feasible.features(pool[order]))
        excess = means - np.minimum.accumulate(means)
        listed.append(order[np.argsort(excess, kind="stable")[: SHORTLIST // len(models)]])
    shortlist: Levels = np.unique(np.concatenate(listed))
    return shortlist


def _pool(feasible: Feasible, best: Levels, rng: np.random.Generator) -> Levels:
    """What the model is asked about: the whole space where it is small, else a choice of it."""
    if feasible.space.size <= ENUMERABLE:
        return feasible.everything
    groups = best.shape[1]
    steps = np.concatenate([np.eye(groups, dtype=np.int64), -np.eye(groups, dtype=np.int64)])
    near = (best[:, None] + steps).reshape(-1, groups)
    near = near[rng.permutation(len(near))[:POOL]]
    parents = best[rng.integers(len(best), size=(2, POOL))]
    crossed = np.where(rng.random((POOL, groups)) < 0.5, parents[0], parents[1])
    moved = crossed + rng.integers(-1, 2, crossed.shape) * (rng.random(crossed.shape) < 2 / groups)
    bred = np.clip(np.concatenate([near, moved]), 0, feasible.tops)
    return _unique(np.concatenate([feasible.repair(bred, rng), feasible.random(POOL, rng)]))


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


def _children(
    feasible: Feasible, parents: Levels, objectives: Matrix, count: int, rng: np.random.Generator
) -> Levels:
    """``count`` children of ``parents`` by Optuna's NSGA-II, repaired to fit.

    It works on a study in memory: asking the shared one would write each proposal to disk.
    """
    study = optuna.create_study(
        directions=["minimize"] * objectives.shape[1],
        sampler=NSGAIISampler(population_size=max(2, len(parents)), seed=int(rng.integers(2**31))),
    )
    levels = {str(i): IntDistribution(0, int(top)) for i, top in enumerate(feasible.tops)}
    for row, values in zip(parents, objectives, strict=True):
        study.add_trial(
            create_trial(
                params={name: int(level) for name, level in zip(levels, row, strict=True)},
                distributions=dict(levels),
                values=values.tolist(),
                # The sampler breeds from the generation before: these are it.
                system_attrs={NSGAIISampler._get_generation_key(): 0},
            )
        )
    asked = [study.ask(dict(levels)).params for _ in range(count)]
    born = np.array([[child[name] for name in levels] for child in asked], dtype=np.int64)
    return feasible.repair(born.reshape(count, len(levels)), rng)


def _unique(levels: Levels) -> Levels:
    """Rows without repetitions, in their order."""
    _, first = np.unique(levels, axis=0, return_index=True)
    return levels[np.sort(first)]
