import numpy as np

from gancompress.architecture_search.feasible import Feasible
from gancompress.architecture_search.proposals import (
    RANDOM_WIDTHS,
    dominators,
    elite,
    next_round,
    starting_population,
)

from .synthetic import Quality, chain, space_of


def feasible_of(groups: int, choices: int, share: float | None = None) -> Feasible:
    space = space_of(groups, choices)
    costs = chain(space).costs
    limit = {} if share is None else {"macs": share * costs([space.largest])["macs"][0]}
    return Feasible(space, costs, limit, "macs")


def test_starting_population_has_the_ends_and_uniform_widths_and_covers_the_costs():
    feasible = feasible_of(8, 8)
    space = feasible.space
    start = starting_population(feasible, 40, np.random.default_rng(0))
    assert len(set(start)) == len(start) <= 40
    assert {space.smallest, space.largest, space.uniform(0.5)} <= set(start)
    logs = np.sort(np.log(feasible.cost(feasible.levels(start))))
    assert np.diff(logs).max() < 0.25 * np.ptp(logs)


def test_starting_population_keeps_the_limits():
    feasible = feasible_of(8, 8, 1 / 8)
    start = starting_population(feasible, 40, np.random.default_rng(0))
    assert feasible.inside(feasible.levels(start)).all()
    assert len(start) > 20


def test_the_more_groups_the_fewer_subnets_are_drawn(monkeypatch):
    drawn = []
    random = Feasible.random

    def counted(self, count, rng):
        drawn.append(count * len(self.tops))
        return random(self, count, rng)

    monkeypatch.setattr(Feasible, "random", counted)
    feasible = feasible_of(400, 4, 0.25)
    starting_population(feasible, 8, np.random.default_rng(0))
    assert 0 < max(drawn) <= RANDOM_WIDTHS


def proposals(feasible: Feasible, seed: int, count: int = 24) -> tuple[list, list]:
    rng = np.random.default_rng(seed)
    known = starting_population(feasible, 40, rng)
    scores = Quality(feasible.space).of(np.array(known))[:, None]
    return known, next_round(feasible, known, scores, known, count, rng)


def test_a_round_proposes_new_subnets_within_the_limits():
    for groups, choices, share in ((5, 5, 0.25), (14, 8, 0.125), (14, 8, None)):
        feasible = feasible_of(groups, choices, share)
        known, found = proposals(feasible, 0)
        assert len(set(found)) == len(found) == 24
        assert not set(found) & set(known)
        assert feasible.inside(feasible.levels(found)).all()


def test_a_round_follows_from_its_seed():
    feasible = feasible_of(10, 8, 0.25)
    assert proposals(feasible, 3) == proposals(feasible, 3)
    assert proposals(feasible, 3) != proposals(feasible, 4)


def test_a_round_ends_where_a_small_space_has_no_more():
    feasible = feasible_of(2, 4)
    known, found = proposals(feasible, 0)
    assert len(set(known) | set(found)) == 16


def test_proposals_are_better_for_their_cost_than_random_subnets():
    feasible = feasible_of(10, 8)
    quality = Quality(feasible.space)
    _, found = proposals(feasible, 0, 40)
    rng = np.random.default_rng(1)
    random = feasible.random(4000, rng)
    costs, losses = feasible.cost(random), quality.of(feasible.widths(random))
    found_costs = feasible.cost(feasible.levels(found))
    ranks = []
    for cost, loss in zip(found_costs, quality.of(np.array(found)), strict=True):
        near = losses[np.abs(np.log(costs / cost)).argsort()[:100]]
        ranks.append((near < loss).mean())
    assert np.median(ranks) < 0.2


def test_several_objectives_are_taken_together():
    feasible = feasible_of(5, 5)
    rng = np.random.default_rng(0)
    known = starting_population(feasible, 30, rng)
    widths = np.array(known)
    scores = np.column_stack([Quality(feasible.space, s).of(widths) for s in (0, 1)])
    found = next_round(feasible, known, scores, known, 20, rng)
    assert len(set(found)) == 20


def test_dominators_are_counted():
    table = np.array([[0.0, 3.0], [1.0, 1.0], [2.0, 2.0], [3.0, 3.0], [1.0, 1.0]])
    assert dominators(table).tolist() == [0, 0, 2, 4, 0]
    assert elite(table, 4).tolist() == [0, 1, 4, 2]
