"""What a student is asked for: names, weights over time, towards whom."""

import pytest
import torch

from gancompress.distillation.objective import (
    Seen,
    TermWeight,
    check_terms,
    level_weights,
    term_losses,
    weights_at,
)
from gancompress.distillation.terms import OUTPUT, kl, soft_bce
from gancompress.errors import RecipeError
from gancompress.training.losses import discriminator_loss, generator_loss


def test_four_levels_weigh_as_published() -> None:
    assert level_weights(4) == [1 / 16, 1 / 8, 1 / 4, 1.0]


def test_weights_decay_and_rest_between_uses() -> None:
    terms = {"l1": TermWeight(0.2, "linear", until=0.5, final=0.5), "l2": TermWeight(1.0, every=3)}
    assert weights_at(terms, 0, 0.0) == {"l1": 0.2, "l2": 1.0}
    assert weights_at(terms, 1, 0.25) == pytest.approx({"l1": 0.15})
    assert weights_at(terms, 3, 1.0) == pytest.approx({"l1": 0.1, "l2": 1.0})


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
        check_terms({name: TermWeight(1.0) for name in names}, discriminator)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("name", OUTPUT)
def test_in_place_output_terms_mix_teacher_and_largest_subnet(name: str, share: float) -> None:
    student, teacher, largest = torch.rand(3, 2, 3, 16, 16) * 2 - 1
    seen = Seen(student, teacher, largest=largest)
    (value,) = term_losses({name: 1.0}, seen, "hinge", share).values()
    of = OUTPUT[name]
    expected = (1 - share) * of(student, teacher) + share * of(student, largest)
    torch.testing.assert_close(value, expected)


def test_in_place_scores_of_the_largest_subnet_become_probabilities() -> None:
    student, largest = torch.randn(2, 4, 5)
    teacher = torch.rand(4, 5)
    seen = Seen(student, teacher, largest=largest)
    (value,) = term_losses({"soft_bce": 1.0}, seen, "hinge", 1.0).values()
    torch.testing.assert_close(value, soft_bce(student, largest.sigmoid()))


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
    seen = Seen(student=student, teacher=teacher)
    found = term_losses({"kl": 1.0}, seen, "", temperature=3.0)["kl"]
    assert torch.equal(found, kl(student, teacher, 3.0))
    assert not torch.equal(found, term_losses({"kl": 1.0}, seen, "")["kl"])
