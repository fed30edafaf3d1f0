from itertools import islice

import numpy as np

from gancompress.architecture_search.acquisition import improvements, near_front
from gancompress.architecture_search.feasible import Feasible
from gancompress.architecture_search.surrogate import Surrogate

from .synthetic import Quality, chain, every_subnet, space_of

SPACE = space_of(3, 8)


def feasible_of(share: float | None = None) -> Feasible:
    costs = chain(SPACE).costs
    limits = {} if share is None else {"macs": share * costs([SPACE.largest])["macs"][0]}
    return Feasible(SPACE, costs, limits, "macs")


def chosen(feasible: Feasible, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Levels known, their losses and the next ones, where a quarter of all is known."""
    rng = np.random.default_rng(0)
    everything = rng.permutation(feasible.everything)
    known, pool = np.split(everything, [len(everything) // 4])
    losses = Quality(SPACE).of(feasible.widths(known))
    models = [Surrogate(feasible.features(known), losses)]
    found = improvements(feasible, models, pool, known, losses[:, None], rng)
    return known, losses, np.array(list(islice(found, count)))


def test_what_is_chosen_improves_on_the_best_of_its_cost():
    feasible = feasible_of()
    known, losses, found = chosen(feasible, 20)
    better = [
        loss < losses[feasible.cost(known) <= cost].min(initial=np.inf)
        for loss, cost in zip(
            Quality(SPACE).of(feasible.widths(found)), feasible.cost(found), strict=True
        )
    ]
    assert np.mean(better) > 0.5
    assert np.ptp(np.log(feasible.cost(found))) > 2  # all over the front


def test_under_limits_the_best_that_is_left_within_them_is_chosen_soon():
    feasible = feasible_of(0.3)
    known, _, found = chosen(feasible, 4)
    taken = set(map(tuple, known))
    left = [row for row in feasible.everything if tuple(row) not in taken]
    best = Quality(SPACE).of(feasible.widths(np.array(left))).min()
    assert Quality(SPACE).of(feasible.widths(found)).min() == best


def test_nothing_is_chosen_twice_and_the_pool_runs_out():
    feasible = feasible_of(0.1)
    known, _, found = chosen(feasible, 10_000)
    assert len(np.unique(found, axis=0)) == len(found) == len(feasible.everything) - len(known)


def test_the_promising_lie_near_the_front():
    feasible = feasible_of()
    widths = every_subnet(SPACE)
    losses = Quality(SPACE).of(widths)
    levels = feasible.levels(list(map(tuple, widths)))
    model = Surrogate(feasible.features(levels), losses)
    picked = near_front(feasible, [model], levels, 40)
    costs = feasible.cost(levels)
    front = [i for i in range(len(levels)) if losses[i] <= losses[costs <= costs[i]].min()]
    assert len(set(front) & set(picked)) > 0.8 * min(len(front), 40)
