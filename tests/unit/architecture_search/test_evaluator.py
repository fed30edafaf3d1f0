import numpy as np
import pytest
import torch

from gancompress.architecture_search.evaluator import (
    Stage,
    distribution_score,
    load_score_function,
    mean_absolute_error,
    paired_score,
    score_all,
)
from gancompress.errors import RecipeError
from gancompress.supernet.space import Subnet

A = Subnet((3, 4))


def generator_at(subnet):
    return lambda batch: batch["z"] * subnet[0]


def samples(seed):
    z = torch.full((5, 2), float(seed + 1))
    return {"z": z}, torch.zeros(5, 2)


def worst_pixel(outputs, inputs, targets):
    """What a user's own judge may look like."""
    return float((outputs - targets).abs().max() + inputs["z"].shape[0])


@pytest.mark.parametrize("batch", [1, 2, 5, 64])
def test_outputs_are_judged_against_the_teachers_whatever_the_batch(batch):
    judges = {"l1": mean_absolute_error, "worst": worst_pixel}
    score = paired_score(generator_at, samples, judges, batch=batch)
    assert score(A, 0) == {"l1": 3.0, "worst": 8.0}
    assert score(A, 1) == {"l1": 6.0, "worst": 11.0}


def test_distances_are_those_of_the_definition():
    outputs, targets = torch.tensor([[1.0, -3.0]]), torch.zeros(1, 2)
    assert mean_absolute_error(outputs, {}, targets) == 2.0


@pytest.mark.parametrize("batch", [2, 5])
def test_distributions_are_judged_by_all_features_at_once(batch):
    score = distribution_score(
        generator_at,
        lambda seed: samples(seed)[0],
        lambda images: images.numpy() + 1,
        {"count": len, "mean": lambda features: float(features.mean())},
        batch=batch,
    )
    assert score(A, 0) == {"count": 5, "mean": 4.0}


def test_nothing_is_kept_for_gradients():
    weight = torch.ones(2, requires_grad=True)
    seen = []
    score = distribution_score(
        lambda subnet: lambda batch: batch["z"] * weight,
        lambda seed: samples(seed)[0],
        lambda images: seen.append(images.requires_grad) or images.numpy(),
        {"mean": lambda features: float(features.mean())},
        batch=2,
    )
    score(A, 0)
    assert not any(seen)


def stage(score, seeds=1) -> Stage:
    directions = {"loss": "minimize", "gain": "maximize"}
    return Stage(name="s", directions=directions, score=score, subnets=10, seeds=seeds)


def test_scores_are_averaged_over_seeds():
    means, spreads = score_all(stage(lambda s, seed: {"loss": seed, "gain": 1.0}, 3), A)
    assert means == [1.0, 1.0]
    assert spreads == [1.0, 0.0]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_score_that_is_not_finite_is_the_worst(value):
    means, spreads = score_all(stage(lambda s, seed: {"loss": value, "gain": value}, 2), A)
    assert means == [np.inf, -np.inf]
    assert spreads == [0.0, 0.0]


def test_a_users_judge_is_imported():
    judge = load_score_function(f"{__name__}:worst_pixel")
    assert judge(torch.ones(2, 3), {"z": torch.zeros(2, 1)}, torch.zeros(2, 3)) == 3.0


def test_a_users_judge_may_stand_in_a_file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("def gap(outputs, inputs, targets):\n    return (outputs - targets).max()\n")
    assert load_score_function(f"{path}:gap")(torch.ones(2), {}, torch.zeros(2)) == 1.0


def two_arguments(outputs, targets):
    """What takes too little."""


def picture(outputs, inputs, targets):
    """What gives no number."""
    return outputs


@pytest.mark.parametrize(
    "name", ["nothing", "no.such.module:f", f"{__name__}:no", f"{__name__}:two_arguments"]
)
def test_a_judge_that_cannot_be_had_is_refused(name):
    with pytest.raises(RecipeError, match=name.split(":")[-1]):
        load_score_function(name)


def test_a_judge_that_gives_no_number_is_refused():
    with pytest.raises(RecipeError, match=r"picture.*one number, returned Tensor"):
        load_score_function(f"{__name__}:picture")(torch.ones(2, 3), {}, torch.ones(2, 3))


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "a.b"},
        {"directions": {}},
        {"directions": {"loss": "lower"}},
        {"directions": {"a,b": "minimize"}},
        {"subnets": 0},
        {"seeds": 0},
    ],
)
def test_a_stage_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match="stage"):
        Stage(**{"name": "s", "directions": {"l": "minimize"}, "score": len, "subnets": 1, **wrong})


def doubling(outputs, inputs, targets):
    outputs.mul_(2)
    return float(outputs.mean())


def failing(outputs, inputs, targets):
    raise KeyError("tag")


@pytest.mark.parametrize(
    ("name", "problem"), [("doubling", "changes its arguments in place"), ("failing", "KeyError")]
)
def test_an_evaluator_that_misbehaves_is_named(name, problem):
    judge = load_score_function(f"{__name__}:{name}")
    outputs, inputs, targets = torch.ones(2, 3), {"z": torch.ones(2)}, torch.ones(2, 3)
    with pytest.raises(RecipeError, match=f"{name}.*{problem}"):
        judge(outputs, inputs, targets)
    assert torch.equal(outputs, torch.ones(2, 3))
