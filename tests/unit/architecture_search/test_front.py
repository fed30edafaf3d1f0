import math

import pytest

from gancompress.architecture_search.budget import Budget
from gancompress.architecture_search.front import Candidate, Front
from gancompress.errors import BudgetError, MetricError, RunError
from gancompress.supernet.space import Subnet

STAGES = {"cheap": {"l1": "minimize"}, "dear": {"score": "maximize"}}


def candidate(width, l1, score=None, uniform=False) -> Candidate:
    scores = {("cheap", "l1"): l1}
    if score is not None:
        scores["dear", "score"] = score
    costs = {"macs": width * 1e3, "params": width * 10.0}
    return Candidate(
        subnet=Subnet((width, 8)),
        uniform=uniform,
        costs=costs,
        scores=scores,
        spreads=dict.fromkeys(scores, 0.0),
    )


def front(*candidates) -> Front:
    return Front(STAGES, candidates)


def test_a_share_of_nobody_knows_what_is_refused():
    with pytest.raises(BudgetError, match="of an unknown macs"):
        front(candidate(8, 3.0)).best(Budget.parse(macs="1/2"))


def test_the_best_within_the_budget_is_chosen():
    found = front(candidate(8, 3.0), candidate(16, 2.0), candidate(32, 1.0))
    assert found.best(Budget.parse(macs="20K")).subnet == (16, 8)
    assert found.best(Budget.parse(macs="1/4"), {"macs": 32e3}).subnet == (8, 8)
    assert found.best(Budget.parse(macs="1/2"), {"macs": 64e3}).subnet == (32, 8)
    assert found.best(Budget({})).subnet == (32, 8)


def test_limits_are_kept_together():
    found = front(candidate(8, 3.0), candidate(16, 2.0), candidate(32, 1.0))
    assert found.best(Budget.parse(macs="1G", params="100")).subnet == (8, 8)


def test_a_later_stage_revises_the_choice():
    found = front(candidate(8, 1.0, 5.0), candidate(16, 1.1, 7.0), candidate(32, 3.0))
    assert found.best(Budget({})).subnet == (16, 8)


def test_a_stage_that_has_not_seen_the_first_choice_does_not_decide():
    found = front(candidate(8, 3.0, 5.0), candidate(16, 1.0), candidate(32, 0.5, 9.0))
    assert found.best(Budget.parse(macs="20K")).subnet == (16, 8)
    assert found.best(Budget({})).subnet == (32, 8)


def test_a_budget_below_every_candidate_is_refused_with_the_cheapest():
    with pytest.raises(BudgetError, match=r"search\.mac_budget: 1K: none .* 8_8: macs 8K"):
        front(candidate(8, 3.0), candidate(16, 2.0)).best(Budget.parse(macs="1K"))


def test_the_front_holds_what_nothing_else_beats():
    found = front(candidate(8, 3.0), candidate(16, 3.5), candidate(24, 2.0), candidate(32, 2.0))
    assert [c.subnet[0] for c in found.nondominated("cheap")] == [8, 24]


def test_rank_correlation_of_the_stages_is_that_of_the_subnets_both_scored():
    found = front(*(candidate(8 * i, i, -i) for i in range(1, 6)), candidate(48, 0.0))
    (pair,) = found.correlations()
    assert (pair.cheap, pair.expensive, pair.subnets) == ("cheap", "dear", 5)
    assert pair.rank == pytest.approx(1)
    reversed_ = front(*(candidate(8 * i, i, i) for i in range(1, 6)))
    assert reversed_.correlations()[0].rank == pytest.approx(-1)
    assert math.isnan(front(candidate(8, 1.0, 1.0)).correlations()[0].rank)


def test_the_rival_is_the_best_uniform_subnet_of_about_the_cost():
    chosen = candidate(30, 1.0)
    found = front(
        candidate(8, 3.0, uniform=True), candidate(16, 2.0, uniform=True), chosen,
        candidate(31, 1.5, uniform=True), candidate(32, 0.5, uniform=True),
    )  # fmt: skip
    rival = found.uniform_baseline(chosen)
    assert rival is not None and rival.subnet == (31, 8)


def test_csv_gives_back_the_front(tmp_path):
    found = front(candidate(8, 1 / 3, uniform=True), candidate(16, math.inf, 0.1))
    found.to_csv(tmp_path / "front.csv")
    assert Front.from_csv(tmp_path / "front.csv") == found


@pytest.mark.parametrize("text", ["", "subnet\n", "subnet,uniform,macs\n8_x,1,3\n", "a,b\n1,2\n"])
def test_a_table_that_is_no_front_is_refused(tmp_path, text):
    path = tmp_path / "front.csv"
    path.write_text(text)
    with pytest.raises(RunError, match=r"front\.csv"):
        Front.from_csv(path)


def test_measured_latencies_take_the_place_of_predicted_ones(tmp_path):
    found = front(*(candidate(8 * i, 5.0 - i) for i in range(1, 5)))
    predicted = Front(
        STAGES,
        tuple(
            Candidate(
                subnet=c.subnet,
                uniform=c.uniform,
                costs={**c.costs, "latency": 1.0},
                scores=c.scores,
                spreads=c.spreads,
            )
            for c in found.candidates
        ),
    )
    measured = predicted.with_latency({Subnet((32, 8)): 2.0, Subnet((24, 8)): 0.5})
    assert predicted.best(Budget.parse(latency="1s")).subnet == (32, 8)
    assert measured.best(Budget.parse(latency="1s")).subnet == (24, 8)
    assert measured.candidates[-1].costs["predicted_latency"] == 1.0
    measured.to_csv(tmp_path / "front.csv")
    assert Front.from_csv(tmp_path / "front.csv") == measured


def test_an_unknown_latency_keeps_no_limit():
    found = front(candidate(8, 3.0), candidate(16, 2.0)).with_latency({Subnet((8, 8)): 0.1})
    assert found.best(Budget.parse(latency="1s")).subnet == (8, 8)


def test_scores_that_are_none_for_all_choose_nothing():
    with pytest.raises(MetricError, match=r"none of 2 candidates.*\(l1\)"):
        front(candidate(8, math.inf), candidate(16, math.inf)).best(Budget({}))
    found = front(candidate(8, math.inf), candidate(16, 2.0))
    assert found.best(Budget({})).subnet == (16, 8)
