"""What a student is asked for: names, weights over time, towards whom."""

from collections.abc import Mapping
from importlib.metadata import EntryPoint, EntryPoints
from typing import Any

import pytest
import torch
from torch import Tensor

from gancompress.distillation import terms
from gancompress.distillation.objective import Objective, objective_of
from gancompress.distillation.options import TermOptions
from gancompress.distillation.terms import TERMS, find_term, kl, level_weights, soft_bce
from gancompress.distillation.terms.term import LossInputs, LossTerm
from gancompress.errors import RecipeError
from gancompress.training.losses import discriminator_loss, generator_loss
from tests.unit.distillation.test_terms_output import OUTPUT


def objective(terms: Mapping[Any, TermOptions], discriminator: bool = True) -> Objective:
    return objective_of(terms, discriminator=discriminator, real_images=True)


def value(name: str, inputs: LossInputs, options: TermOptions | None = None) -> Tensor:
    """Of one term."""
    options = options or TermOptions()
    (found,) = objective({name: options}).losses([name], inputs, {}).values()
    return found


def test_four_levels_weigh_as_published() -> None:
    assert level_weights(4) == [1 / 16, 1 / 8, 1 / 4, 1.0]


def test_weights_decay_and_rest_between_uses() -> None:
    found = objective(
        {
            "l1": TermOptions(weight=0.2, decay="linear", until=0.5, final=0.5),
            "l2": TermOptions(every=3),
        }
    )
    assert found.weights_at(0, 0.0) == {"l1": 0.2, "l2": 1.0}
    assert found.weights_at(1, 0.25) == pytest.approx({"l1": 0.15})
    assert found.weights_at(3, 1.0) == pytest.approx({"l1": 0.1, "l2": 1.0})


@pytest.mark.parametrize(
    ("names", "discriminator", "words"),
    [
        (["l3"], True, "l3: unknown"),
        (["adversarial"], False, "adversarial: need distill.discriminator"),
        ([], True, "empty"),
    ],
)
def test_terms_that_cannot_be_are_refused(
    names: list[str], discriminator: bool, words: str
) -> None:
    with pytest.raises(RecipeError, match=words):
        objective({name: TermOptions() for name in names}, discriminator)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("name", OUTPUT)
def test_in_place_output_terms_mix_teacher_and_largest_subnet(name: str, share: float) -> None:
    student, teacher, largest = torch.rand(3, 2, 3, 16, 16) * 2 - 1
    inputs = LossInputs(student=student, teacher=teacher, largest=largest, in_place=share)
    of = OUTPUT[name]
    expected = (1 - share) * of(student, teacher) + share * of(student, largest)
    torch.testing.assert_close(value(name, inputs), expected)


def test_in_place_scores_of_the_largest_subnet_become_probabilities() -> None:
    student, largest = torch.randn(2, 4, 5)
    teacher = torch.rand(4, 5)
    inputs = LossInputs(student=student, teacher=teacher, largest=largest, in_place=1.0)
    torch.testing.assert_close(value("soft_bce", inputs), soft_bce(student, largest.sigmoid()))


@pytest.mark.parametrize("loss", ["hinge", "bce", "least_squares"])
def test_relativistic_losses_look_at_differences_only(loss: str) -> None:
    real, fake = torch.randn(2, 8, dtype=torch.float64)
    for learn in (
        lambda r, f: discriminator_loss(loss, r, f, True),
        lambda r, f: generator_loss(loss, f, r),
    ):
        torch.testing.assert_close(learn(real, fake), learn(real + 3.0, fake + 3.0))
    told_apart = torch.full((8,), 4.0), torch.full((8,), -4.0)
    assert discriminator_loss(loss, *told_apart, True) < discriminator_loss(
        loss, *reversed(told_apart), True
    )
    assert generator_loss(loss, told_apart[1], told_apart[0]) > generator_loss(
        loss, told_apart[0], told_apart[1]
    )


def test_the_temperature_of_kl_is_the_recipes() -> None:
    student, teacher = torch.randn(2, 4, 7)
    inputs = LossInputs(student=student, teacher=teacher)
    found = value("kl", inputs, TermOptions(temperature=3.0))
    assert torch.equal(found, kl(student, teacher, 3.0))
    assert not torch.equal(found, value("kl", inputs))


def edges(student: Tensor, teacher: Tensor) -> Tensor:
    """A term of one's own: mean difference of horizontal steps."""
    return (student.diff(dim=-1) - teacher.diff(dim=-1)).abs().mean()


def test_a_function_of_both_outputs_is_a_term_called_by_its_name() -> None:
    student, teacher = torch.randn(2, 1, 3, 4, 4)
    found = objective({edges: TermOptions(), "l1": TermOptions()})
    assert [*found.terms] == ["edges", "l1"]
    losses = found.losses(["edges"], LossInputs(student=student, teacher=teacher), {})
    assert torch.equal(losses["edges"], edges(student, teacher))


def test_a_recipe_names_a_function_by_its_module() -> None:
    found = find_term("tests.unit.distillation.test_objective:edges")
    assert found.name == "edges"


def test_a_package_adds_a_term_by_an_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    added = EntryPoint("sobel", "tests.unit.distillation.test_objective:edges", "gancompress.terms")
    points = EntryPoints([added])
    monkeypatch.setattr(terms, "entry_points", points.select)
    assert find_term("sobel").name == "sobel"
    with pytest.raises(RecipeError, match=r"l3: unknown; known are .*sobel"):
        find_term("l3")


def test_two_terms_of_one_name_are_refused() -> None:
    own = LossTerm(name="l1", loss=lambda inputs: inputs.student.mean())
    with pytest.raises(RecipeError, match="two terms of this name"):
        objective({"l1": TermOptions(), own: TermOptions()})


def test_terms_on_real_images_are_left_out_without_any() -> None:
    asked = {"adversarial_real": TermOptions(), "l1": TermOptions()}
    found = objective_of(asked, discriminator=True, real_images=False)
    assert [*found.terms] == ["l1"]


def test_every_built_in_term_is_found_by_its_name() -> None:
    assert {find_term(name).name for name in TERMS} == set(TERMS)
