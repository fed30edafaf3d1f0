"""Score terms: formulas in float64 and gradients."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from gancompress.distillation import terms
from gancompress.distillation.terms import TERMS

SCORES = {name: term.distance for name, term in TERMS.items() if term.distance is not None}


def logits(seed: int) -> Tensor:
    return torch.randn(5, 7, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_soft_bce_equals_its_formula() -> None:
    student, scores = logits(0), logits(1).sigmoid()
    q, p = student.sigmoid().numpy(), scores.numpy()
    expected = -np.mean(p * np.log(q) + (1 - p) * np.log(1 - q))
    assert float(terms.soft_bce(student, scores)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_kl_equals_its_formula(temperature: float) -> None:
    student, teacher = logits(0), logits(1)
    p = (teacher / temperature).softmax(1).numpy()
    q = (student / temperature).softmax(1).numpy()
    expected = temperature**2 * (p * np.log(p / q)).sum(axis=1).mean()
    assert float(terms.kl(student, teacher, temperature)) == pytest.approx(expected, rel=1e-10)


def test_kl_takes_log_probabilities_of_a_black_box() -> None:
    student, teacher = logits(0), logits(1)
    from_scores = terms.kl(student, teacher.log_softmax(1))
    assert float(from_scores) == pytest.approx(float(terms.kl(student, teacher)), rel=1e-12)


@pytest.mark.parametrize("name", SCORES)
def test_score_term_has_the_gradient_of_its_formula(name: str) -> None:
    teacher = logits(1).sigmoid()
    assert gradcheck(lambda s: SCORES[name](s, teacher), logits(0).requires_grad_())


@pytest.mark.parametrize("name", SCORES)
def test_score_term_is_smallest_at_the_teacher(name: str) -> None:
    scores = torch.full((3, 4), 0.25, dtype=torch.float64)
    at_teacher = SCORES[name](scores.logit(), scores)
    assert float(at_teacher) < float(SCORES[name](logits(0)[:3, :4], scores))
