"""The adversarial losses, for teachers and students alike; logits of any shape, means over all."""

from collections.abc import Callable, Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

AdversarialLoss = Literal["hinge", "bce", "least_squares", "wasserstein"]


def hinge_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """mean(max(0, 1 - D(real))) + mean(max(0, 1 + D(fake))) (Lim & Ye 2017)."""
    return F.relu(1.0 - real).mean() + F.relu(1.0 + fake).mean()


def hinge_generator(fake: Tensor) -> Tensor:
    """-mean(D(fake)); also the generator's side of the Wasserstein loss."""
    return -fake.mean()


def bce_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """mean(-log σ(D(real))) + mean(-log(1 - σ(D(fake)))) (Goodfellow et al. 2014)."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def bce_generator(fake: Tensor) -> Tensor:
    """mean(-log σ(D(fake))): the non-saturating form."""
    return F.softplus(-fake).mean()


def least_squares_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """mean((D(real) - 1)²) + mean(D(fake)²) (Mao et al. 2017)."""
    return (real - 1.0).square().mean() + fake.square().mean()


def least_squares_generator(fake: Tensor) -> Tensor:
    """mean((D(fake) - 1)²)."""
    return (fake - 1.0).square().mean()


def wasserstein_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """mean(D(fake)) - mean(D(real)); wants a gradient penalty (Arjovsky et al. 2017)."""
    return fake.mean() - real.mean()


ADVERSARIAL: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "hinge": (hinge_discriminator, hinge_generator),
    "bce": (bce_discriminator, bce_generator),
    "least_squares": (least_squares_discriminator, least_squares_generator),
    "wasserstein": (wasserstein_discriminator, hinge_generator),
}


def r1_penalty(discriminator: nn.Module, real: Tensor, conditions: Mapping[str, Tensor]) -> Tensor:
    """mean ‖∂D(real)/∂real‖² over the samples (Mescheder et al. 2018, eq. 9, without γ/2)."""
    real = real.detach().requires_grad_(True)
    logits, _ = discriminator(real, **conditions)
    (gradient,) = torch.autograd.grad(logits.sum(), real, create_graph=True)
    return gradient.square().flatten(1).sum(dim=1).mean()
