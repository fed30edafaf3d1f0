"""Adversarial losses: formulas in float64, gradients, and what an optimum looks like."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import gradcheck

from gancompress.training.losses import ADVERSARIAL, gradient_penalty, r1_penalty, relativistic


def logits(seed: int, n: int = 6) -> Tensor:
    return torch.randn(n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def bce(verdict: Tensor, target: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(verdict, torch.full_like(verdict, target))


Formula = tuple[Callable[[Tensor, Tensor], Tensor], Callable[[Tensor], Tensor]]
FORMULAS: dict[str, Formula] = {
    "hinge": (
        lambda r, f: (1 - r).clamp(min=0).mean() + (1 + f).clamp(min=0).mean(),
        lambda f: -f.mean(),
    ),
    "bce": (lambda r, f: bce(r, 1.0) + bce(f, 0.0), lambda f: bce(f, 1.0)),
    "least_squares": (
        lambda r, f: F.mse_loss(r, torch.ones_like(r)) + F.mse_loss(f, torch.zeros_like(f)),
        lambda f: F.mse_loss(f, torch.ones_like(f)),
    ),
    "wasserstein": (lambda r, f: f.mean() - r.mean(), lambda f: -f.mean()),
}


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_adversarial_loss_equals_its_formula(name: str) -> None:
    real, fake = logits(0), logits(1)
    of_discriminator, of_generator = ADVERSARIAL[name]
    expected_d, expected_g = FORMULAS[name]
    assert float(of_discriminator(real, fake)) == pytest.approx(float(expected_d(real, fake)))
    assert float(of_generator(fake)) == pytest.approx(float(expected_g(fake)))


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_adversarial_loss_has_the_gradient_of_its_formula(name: str) -> None:
    real, fake = logits(0).requires_grad_(), logits(1).requires_grad_()
    of_discriminator, of_generator = ADVERSARIAL[name]
    assert gradcheck(of_discriminator, (real, fake))
    assert gradcheck(of_generator, (fake,))


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_generator_and_discriminator_pull_against_each_other(name: str) -> None:
    real, fake = logits(0), torch.zeros(6, dtype=torch.float64, requires_grad=True)
    of_discriminator, of_generator = ADVERSARIAL[name]
    (down,) = torch.autograd.grad(of_discriminator(real, fake), fake)
    (up,) = torch.autograd.grad(of_generator(fake), fake)
    assert (up < 0).all() and (down >= 0).all()


def test_relativistic_bce_equals_the_published_average_form() -> None:
    real, fake = logits(0), logits(1)
    of_discriminator, _ = ADVERSARIAL["bce"]
    r, f = (real - fake.mean()).numpy(), (fake - real.mean()).numpy()

    def sigmoid(x: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-x))

    expected_d = -np.mean(np.log(sigmoid(r))) - np.mean(np.log(1 - sigmoid(f)))
    expected_g = -np.mean(np.log(sigmoid(f))) - np.mean(np.log(1 - sigmoid(r)))
    of_real, of_fake = relativistic(real, fake)
    assert float(of_discriminator(of_real, of_fake)) == pytest.approx(expected_d)
    assert float(of_discriminator(of_fake, of_real)) == pytest.approx(expected_g)


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_relativistic_losses_do_not_see_a_common_shift(name: str) -> None:
    real, fake = logits(0), logits(1)
    of_discriminator, _ = ADVERSARIAL[name]
    here = of_discriminator(*relativistic(real, fake))
    there = of_discriminator(*relativistic(real + 7, fake + 7))
    assert float(here) == pytest.approx(float(there))


class Quadratic(nn.Module):
    """D(x) = scale · Σ x² / 2, whose gradient is scale · x."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale, dtype=torch.float64))

    def forward(self, image: Tensor, **conditions: Tensor) -> tuple[Tensor, list[Tensor]]:
        return self.scale * image.square().flatten(1).sum(1) / 2, []


def images(seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(3, 2, 4, 4, generator=generator, dtype=torch.float64)


def test_r1_is_the_squared_gradient_at_real_images() -> None:
    real = images(0)
    expected = 4.0 * real.square().flatten(1).sum(1).mean()
    value = r1_penalty(Quadratic(2.0), real, {})
    assert float(value.detach()) == pytest.approx(float(expected))


def test_gradient_penalty_is_taken_between_real_and_fake() -> None:
    real, fake, mix = images(0), images(1), torch.tensor([0.0, 0.3, 1.0], dtype=torch.float64)
    share = mix.view(-1, 1, 1, 1)
    norms = (2.0 * (share * real + (1 - share) * fake)).flatten(1).norm(dim=1)
    expected = (norms - 1).square().mean()
    value = gradient_penalty(Quadratic(2.0), real, fake, {}, mix)
    assert float(value.detach()) == pytest.approx(float(expected))


@pytest.mark.parametrize("penalty", ["r1", "gradient_penalty"])
def test_penalties_train_the_discriminator(penalty: str) -> None:
    network, real, fake = Quadratic(2.0), images(0), images(1)
    if penalty == "r1":
        r1_penalty(network, real, {}).backward()
    else:
        mix = torch.full((3,), 0.5, dtype=torch.float64)
        gradient_penalty(network, real, fake, {}, mix).backward()
    assert network.scale.grad is not None and float(network.scale.grad) > 0
