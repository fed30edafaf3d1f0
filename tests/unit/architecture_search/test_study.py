import numpy as np
import pytest

from gancompress.architecture_search.budget import Budget
from gancompress.architecture_search.evaluator import Stage
from gancompress.architecture_search.front import Front
from gancompress.architecture_search.study import Progress, StudySpec, cost_function, search
from gancompress.errors import BudgetError, RunError

from .synthetic import Quality, chain, every_subnet, space_of

SPACE = space_of(4, 6)


def run(tmp_path, quality=None, *, trials=40, budget="", seed=0, finals=0, **changes) -> Front:
    score = quality or Quality(SPACE)
    stages = [Stage("paired", {"loss": "minimize"}, score, trials)]
    if finals:
        stages.append(Stage("full", {"loss": "minimize"}, Quality(SPACE, 5), finals, seeds=3))
    settings = {"name": "s", "fingerprint": "a", "storage": tmp_path / "trials.journal"}
    study = {name: changes.pop(name, value) for name, value in settings.items()}
    return search(
        changes.pop("space", SPACE),
        cost_function(chain(SPACE)),
        stages,
        Budget.parse(macs=budget),
        StudySpec(seed=seed, **study),
        **changes,
    )


def subnets(front: Front) -> list:
    return [candidate.subnet for candidate in front.candidates]


def test_every_trial_is_another_subnet(tmp_path):
    quality = Quality(SPACE)
    front = run(tmp_path, quality)
    assert len(quality.scored) == len(set(quality.scored)) == len(front.candidates) == 40
    scores = [candidate.scores["paired", "loss"] for candidate in front.candidates]
    assert scores == pytest.approx(list(quality.of(np.array(subnets(front)))))


def test_nothing_over_the_budget_is_scored(tmp_path):
    quality = Quality(SPACE)
    run(tmp_path, quality, budget="1/8", finals=4)
    costs = chain(SPACE).costs
    assert costs(quality.scored)["macs"].max() <= costs([SPACE.largest])["macs"][0] / 8


def test_an_impossible_budget_scores_nothing(tmp_path):
    quality = Quality(SPACE)
    with pytest.raises(BudgetError, match="below the smallest subnet"):
        run(tmp_path, quality, budget="10")
    assert not quality.scored
    assert not (tmp_path / "trials.journal").exists()


def test_the_same_seed_is_the_same_search(tmp_path):
    orders = []
    for i, seed in enumerate((0, 0, 1)):
        quality = Quality(SPACE)
        run(tmp_path / str(i), quality, seed=seed)
        orders.append(quality.scored)
    assert orders[0] == orders[1] != orders[2]


def test_an_interrupted_search_goes_on_as_if_it_had_not_been(tmp_path):
    whole, parts = Quality(SPACE), Quality(SPACE)
    run(tmp_path / "whole", whole)

    def failing(after):
        def score(subnet, seed):
            if len(parts.scored) == after:
                raise KeyboardInterrupt
            return parts(subnet, seed)

        return score

    for after in (3, 17, 30):
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "parts", failing(after))
    run(tmp_path / "parts", parts)
    assert parts.scored == whole.scored


def test_a_finished_search_scores_nothing_more(tmp_path):
    front = run(tmp_path, finals=4)
    quality = Quality(SPACE)
    assert run(tmp_path, quality, finals=4) == front
    assert not quality.scored


def test_a_longer_search_keeps_what_was_scored(tmp_path):
    run(tmp_path)
    quality = Quality(SPACE)
    assert len(run(tmp_path, quality, trials=60).candidates) == 60
    assert len(quality.scored) == 20


def test_a_narrower_budget_adds_trials_within_it(tmp_path):
    wide = run(tmp_path)
    front = run(tmp_path, budget="1/8")
    limit = chain(SPACE).costs([SPACE.largest])["macs"][0] / 8
    assert sum(candidate.costs["macs"] <= limit for candidate in front.candidates) == 40
    assert set(subnets(wide)) < set(subnets(front))


def test_a_space_that_is_exhausted_ends_the_search(tmp_path):
    quality = Quality(SPACE)
    assert (
        len(run(tmp_path, quality, trials=10_000, budget="2M").candidates)
        == (chain(SPACE).costs(every_subnet(SPACE))["macs"] <= 2e6).sum()
    )


def test_the_optimum_is_found_with_a_twentieth_of_the_evaluations(tmp_path):
    widths = every_subnet(SPACE)
    losses, costs = Quality(SPACE).of(widths), chain(SPACE).costs(widths)["macs"]
    front = run(tmp_path, trials=len(widths) // 20, budget="1/4")
    best = losses[costs <= costs.max() / 4].min()
    chosen = front.best(Budget.parse(macs="1/4"), {"macs": float(costs.max())})
    assert chosen.scores["paired", "loss"] == pytest.approx(best)


def test_one_search_without_a_budget_comes_close_to_the_optimum_of_every_budget(tmp_path):
    widths = every_subnet(SPACE)
    losses, costs = Quality(SPACE).of(widths), chain(SPACE).costs(widths)["macs"]
    front = run(tmp_path, trials=len(widths) // 10)
    for budget in ("1/16", "1/8", "1/4", "1/2", "3/4"):
        chosen = front.best(Budget.parse(macs=budget), {"macs": float(costs.max())})
        limit = Budget.parse(macs=budget).limits({"macs": float(costs.max())})["macs"]
        missed = chosen.scores["paired", "loss"] - losses[costs <= limit].min()
        assert missed < 0.01 * np.ptp(losses)


def test_finalists_are_scored_again_beside_a_uniform_width_subnet(tmp_path):
    front = run(tmp_path, budget="1/4", finals=5)
    finalists = [c for c in front.candidates if ("full", "loss") in c.scores]
    assert 5 <= len(finalists) <= 6
    assert any(candidate.uniform for candidate in finalists)
    cheap = sorted(front.quality(candidate, "paired") for candidate in front.candidates)
    best = [front.quality(c, "paired") for c in finalists]
    assert set(cheap[:5]) <= set(best)


def test_finalists_without_a_budget_lie_along_the_front(tmp_path):
    front = run(tmp_path, finals=6)
    finalists = [c for c in front.candidates if ("full", "loss") in c.scores and not c.uniform]
    assert all(candidate in front.nondominated("paired") for candidate in finalists)
    costs = [candidate.costs["macs"] for candidate in finalists]
    assert max(costs) > 5 * min(costs)


def test_scores_are_means_over_seeds_with_their_deviation(tmp_path):
    front = run(tmp_path, budget="1/4", finals=3)
    finalist = next(c for c in front.candidates if ("full", "loss") in c.scores)
    alone = Quality(SPACE, 5).of(np.array([finalist.subnet]))[0]
    # Seeds 0, 1 and 2 add 0.00, 0.01 and 0.02.
    assert finalist.scores["full", "loss"] == pytest.approx(alone + 0.01)
    assert finalist.spreads["full", "loss"] == pytest.approx(0.01)
    assert finalist.spreads["paired", "loss"] == 0


def test_a_subnet_that_collapses_is_scored_once_and_never_chosen(tmp_path):
    def score(subnet, seed):
        collapsed = subnet[0] < 30
        return {"loss": float("nan") if collapsed else float(np.sum(subnet))}

    front = run(tmp_path, score)
    assert len(front.candidates) == 40
    assert front.best(Budget({})).subnet[0] >= 30


def test_higher_can_be_better(tmp_path):
    quality = Quality(SPACE)
    stage = Stage("s", {"gain": "maximize"}, lambda s, seed: {"gain": -quality(s)["loss"]}, 64)
    front = search(
        SPACE, cost_function(chain(SPACE)), [stage], Budget({}),
        StudySpec(storage=tmp_path / "j", name="s", fingerprint="", seed=0),
    )  # fmt: skip
    assert front.best(Budget({})).scores["s", "gain"] == pytest.approx(
        -Quality(SPACE).of(every_subnet(SPACE)).min(), abs=0.02
    )


def test_several_objectives_are_recorded(tmp_path):
    first, second = Quality(SPACE), Quality(SPACE, 3)
    stage = Stage(
        "s", {"loss": "minimize", "other": "maximize"},
        lambda s, seed: {"loss": first(s)["loss"], "other": -second(s)["loss"]}, 30,
    )  # fmt: skip
    front = search(
        SPACE, cost_function(chain(SPACE)), [stage], Budget({}),
        StudySpec(storage=tmp_path / "j", name="s", fingerprint="", seed=0),
    )  # fmt: skip
    assert all(set(c.scores) == {("s", "loss"), ("s", "other")} for c in front.candidates)


def test_scores_of_other_weights_are_refused(tmp_path):
    run(tmp_path)
    with pytest.raises(RunError, match="fingerprint"):
        run(tmp_path, fingerprint="b")
    with pytest.raises(RunError, match="space"):
        run(tmp_path, space=space_of(4, 4))


def test_progress_tells_the_best_so_far(tmp_path):
    told: list[Progress] = []
    run(tmp_path, progress=told.append)
    assert [progress.scored for progress in told] == list(range(1, 41))
    bests = [progress.best_score for progress in told]
    assert bests == list(np.minimum.accumulate([progress.score for progress in told]))


def test_a_predicted_latency_can_be_the_budget(tmp_path):
    quality = Quality(SPACE)
    stage = Stage("paired", {"loss": "minimize"}, quality, 30)
    front = search(
        SPACE, cost_function(chain(SPACE), lambda widths: np.asarray(widths).sum(axis=1) * 1e-3),
        [stage], Budget.parse(latency="100ms"),
        StudySpec(storage=tmp_path / "j", name="s", fingerprint="", seed=0),
    )  # fmt: skip
    assert all(sum(subnet) <= 100 for subnet in quality.scored)
    assert front.best(Budget.parse(latency="60ms")).costs["latency"] <= 0.06
