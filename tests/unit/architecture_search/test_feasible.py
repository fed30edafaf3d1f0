import numpy as np
import pytest

from gancompress.architecture_search.feasible import Feasible
from gancompress.supernet.space import SearchSpace, Subnet

from .synthetic import chain, every_subnet, space_of


def feasible_of(share: float = 1.0, groups: int = 5, choices: int = 6) -> Feasible:
    space = space_of(groups, choices)
    costs = chain(space).costs
    return Feasible(space, costs, {"macs": share * costs([space.largest])["macs"][0]}, "macs")


def test_levels_and_widths_are_inverse_for_unequal_groups():
    space = SearchSpace(("a", "b"), ((4, 8, 64), (3, 5)), {})
    feasible = Feasible(space, chain(space).costs, {}, "macs")
    subnets = [Subnet((8, 5)), Subnet((64, 3))]
    levels = feasible.levels(subnets)
    assert levels.tolist() == [[1, 1], [2, 0]]
    assert [feasible.subnet(row) for row in levels] == subnets


@pytest.mark.parametrize("share", [0.05, 0.125, 0.5])
def test_repaired_subnets_fit_and_are_never_wider(share):
    feasible = feasible_of(share)
    rng = np.random.default_rng(0)
    wanted = rng.integers(0, feasible.tops + 1, (500, 5))
    repaired = feasible.repair(wanted, rng)
    assert feasible.inside(repaired).all()
    assert (repaired <= wanted).all()
    kept = feasible.inside(wanted)
    assert (repaired[kept] == wanted[kept]).all()


def test_repair_stays_near_the_budget():
    feasible = feasible_of(0.25)
    rng = np.random.default_rng(0)
    full = np.tile(feasible.tops, (200, 1))
    costs = feasible.cost(feasible.repair(full, rng))
    limit = 0.25 * feasible.cost(full)[0]
    assert np.median(costs) > 0.75 * limit


def test_repair_reaches_the_smallest_subnet_where_nothing_else_fits():
    space = space_of(4, 4)
    costs = chain(space).costs
    feasible = Feasible(space, costs, {"macs": costs([space.smallest])["macs"][0]}, "macs")
    repaired = feasible.repair(np.tile(feasible.tops, (10, 1)), np.random.default_rng(0))
    assert (repaired == 0).all()


def with_branches(share: float, branches: int = 3) -> Feasible:
    """A chain of which each branch, while it is there, costs as much as the whole of it."""
    narrow = space_of(4, 4)
    space = SearchSpace(
        (*narrow.groups, *(f"branch:{i}" for i in range(branches))),
        (*narrow.choices, *((0, 1),) * branches),
        {},
    )

    def costs(widths: np.ndarray) -> dict[str, np.ndarray]:
        chained = chain(narrow).costs(widths[:, :4])["macs"]
        return {"macs": chained * (1 + widths[:, 4:].sum(axis=1))}

    most = costs(np.array([space.largest]))["macs"][0]
    return Feasible(space, costs, {"macs": share * most}, "macs")


def test_repair_keeps_branches_while_widths_can_give():
    feasible = with_branches(0.25)
    repaired = feasible.repair(np.tile(feasible.tops, (50, 1)), np.random.default_rng(0))
    assert (repaired[:, 4:] == 1).all()


def test_repair_drops_branches_where_widths_are_at_their_least():
    feasible = with_branches(0.06)
    repaired = feasible.repair(np.tile(feasible.tops, (50, 1)), np.random.default_rng(0))
    assert feasible.inside(repaired).all()
    assert {1, 2} & set(repaired[:, 4:].sum(axis=1).tolist())


def test_random_subnets_fit_and_cover_the_cost_range():
    feasible = feasible_of(0.5)
    rows = feasible.random(5000, np.random.default_rng(0))
    assert feasible.inside(rows).all()
    costs = feasible.cost(rows)
    everything = feasible.cost(feasible.everything)
    assert costs.min() < np.quantile(everything, 0.01)
    assert costs.max() > np.quantile(everything, 0.99)


def test_everything_is_every_subnet_that_fits():
    feasible = feasible_of(0.3)
    costs = chain(feasible.space).costs(every_subnet(feasible.space))["macs"]
    inside = int((costs <= 0.3 * costs.max()).sum())
    assert len(feasible.everything) == inside
    assert feasible.inside(feasible.everything).all()


def test_widths_of_dropped_branches_make_no_other_subnets():
    groups, choices = ("a", "b", "branch:b"), ((8, 16), (4, 8, 12), (0, 1))
    space = SearchSpace(groups, choices, {}, within={1: (frozenset([2]),)})
    feasible = Feasible(space, lambda widths: {"macs": np.asarray(widths).sum(axis=1)}, {}, "macs")
    assert len(feasible.everything) == 2 * (3 + 1)
    drawn = feasible.widths(feasible.random(200, np.random.default_rng(0)))
    assert set(drawn[drawn[:, 2] == 0, 1]) == {4}
    assert set(drawn[drawn[:, 2] == 1, 1]) == {4, 8, 12}
