"""The adversarial losses, for teachers and students alike; logits of any shape, means over all."""

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn


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


def relativistic(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """(D(real) - mean D(fake), D(fake) - mean D(real)): logits to be given to any loss above.

    The relativistic average form (Jolicoeur-Martineau 2018, sec. 4.1). The discriminator learns by
    ``loss(*relativistic(real, fake))``, the generator by the discriminator's loss with the two
    exchanged.
    """
    return real - fake.mean(), fake - real.mean()


def discriminator_loss(loss: str, real: Tensor, fake: Tensor, relative: bool) -> Tensor:
    """What the discriminator learns by: a loss in :data:`ADVERSARIAL`, relativistic or not."""
    tell, _ = ADVERSARIAL[loss]
    return tell(*relativistic(real, fake)) if relative else tell(real, fake)


def generator_loss(loss: str, fake: Tensor, real: Tensor | None) -> Tensor:
    """What the generator learns by; relativistic where the logits of ``real`` are given."""
    tell, fool = ADVERSARIAL[loss]
    if real is None:
        return fool(fake)
    real, fake = relativistic(real, fake)
    return tell(fake, real)


def gradient_penalty(
    discriminator: nn.Module,
    real: Tensor,
    fake: Tensor,
    conditions: Mapping[str, Tensor],
    mix: Tensor,
) -> Tensor:
    """mean (‖∂D(x)/∂x‖₂ - 1)² at x = m·real + (1 - m)·fake (Gulrajani et al. 2017, eq. 3).

    Args:
        discriminator: gives (logits, features).
        real: (N, C, H, W).
        fake: (N, C, H, W).
        conditions: of the real ones.
        mix: m, uniform in [0, 1), one number a sample, shape (N,).
    """
    gradient = _gradient_between(discriminator, real, fake, conditions, mix)
    norms: Tensor = torch.linalg.vector_norm(gradient.flatten(1), dim=1)
    return (norms - 1.0).square().mean()


def pixel_gradient_penalty(
    discriminator: nn.Module, real: Tensor, fake: Tensor, mix: Tensor
) -> Tensor:
    """:func:`gradient_penalty` with a norm a pixel, over its channels, and the mean over pixels.

    For discriminators of patches: their gradient grows with the number of patches. So do
    SinGAN and ConSinGAN (Hinz et al. 2021).
    """
    gradient = _gradient_between(discriminator, real, fake, {}, mix)
    norms: Tensor = torch.linalg.vector_norm(gradient, dim=1)
    return (norms - 1.0).square().mean()


def _gradient_between(
    discriminator: nn.Module,
    real: Tensor,
    fake: Tensor,
    conditions: Mapping[str, Tensor],
    mix: Tensor,
) -> Tensor:
    """∂ΣD(x)/∂x at x = m·real + (1 - m)·fake, differentiable."""
    share = mix.view(-1, *[1] * (real.ndim - 1))
    between = torch.lerp(fake.detach(), real.detach(), share).requires_grad_(True)
    logits, _ = discriminator(between, **conditions)
    (gradient,) = torch.autograd.grad(logits.sum(), between, create_graph=True)
    return gradient


def r1_penalty(discriminator: nn.Module, real: Tensor, conditions: Mapping[str, Tensor]) -> Tensor:
    """mean ‖∂D(real)/∂real‖² over the samples (Mescheder et al. 2018, eq. 9, without γ/2)."""
    real = real.detach().requires_grad_(True)
    logits, _ = discriminator(real, **conditions)
    (gradient,) = torch.autograd.grad(logits.sum(), real, create_graph=True)
    return gradient.square().flatten(1).sum(dim=1).mean()
