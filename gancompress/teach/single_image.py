"""A generator of one photograph, trained stage by stage on a pyramid of it (ConSinGAN).

Hinz et al. 2021, Improved Techniques for Training Single-Image GANs. Every stage is a training of
its own with a checkpoint of its own: what a stage starts from follows from where the one before it
ended, so that a training that was killed in any of them ends with the same numbers as one that
was not.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancompress.batch import Batch, concatenate, draw_inputs
from gancompress.generators.consingan import ConSinGANGenerator
from gancompress.training.checkpoint import Stateful
from gancompress.training.engine import TrainingLogger, fit
from gancompress.training.losses import (
    hinge_generator,
    pixel_gradient_penalty,
    wasserstein_discriminator,
)
from gancompress.training.optimise import adam, frozen, optimizer_step

# What the coarsest stage is fed in a step, of the coarsest image (1, C, H, W): a distorted one.
Feed = Callable[[Tensor, np.random.Generator], Tensor]

# The learning rates fall to a tenth for the last fifth of a stage.
FALL_AT, FALL_TO = 0.8, 0.1


@dataclass(frozen=True)
class Learning:
    """How every stage learns; the paper's value of each in brackets.

    Attributes:
        concurrent: how many of the last stages are trained together (3).
        learning_rate: of the newest stage and of the layer that makes the image (5e-4).
        learning_rate_scale: of each stage in that of the one above it (0.1).
        discriminator_learning_rate: (5e-4).
        betas: of Adam (0.5, 0.999).
        gradient_penalty: weight λ (0.1).
        reconstruction: weight α of the squared error that the fixed noise is to give the
            photograph back with (10).
        discriminator_steps: updates of the discriminator on each generated image (3).
        generator_steps: steps of the generator along each gradient (3).
        noise: amplitude of a stage's noise, in the reconstruction error it starts with (0.1).
    """

    concurrent: int
    learning_rate: float
    learning_rate_scale: float
    discriminator_learning_rate: float
    betas: tuple[float, float]
    gradient_penalty: float
    reconstruction: float
    discriminator_steps: int
    generator_steps: int
    noise: float


def reconstruction_inputs(generator: ConSinGANGenerator, coarsest: Tensor, seed: int) -> Batch:
    """The fixed inputs that are to give the photograph back: the coarsest image, drawn noise."""
    drawn = draw_inputs(generator.inputs, [0], seed)
    noise = {name: value.to(coarsest.device) for name, value in drawn.items()}
    return {**noise, "noise_0": coarsest}


def new_inputs(
    generator: ConSinGANGenerator, coarsest: Tensor, feed: Feed | None, n: int, seed: int
) -> Batch:
    """Inputs of ``n`` images other than the photograph, as in training."""
    drawn = draw_inputs(generator.inputs, range(n), seed)
    noise = {name: value.to(coarsest.device) for name, value in drawn.items()}
    if feed is None:
        return noise
    fed = [feed(coarsest, np.random.default_rng([seed, index])) for index in range(n)]
    return {**noise, "noise_0": torch.cat(fed)}


def teach_single_image(
    generator: ConSinGANGenerator,
    discriminator: nn.Module,
    pyramid: Sequence[Tensor],
    *,
    learning: Learning,
    feed: Feed | None,
    steps: Sequence[int],
    composite: Tensor | None,
    composite_steps: int,
    seed: int,
    logger: TrainingLogger,
    look: Callable[[int], None],
) -> None:
    """Train ``generator``, which has the coarsest stage only, and grow it to the whole pyramid.

    Args:
        generator: is grown and trained in place.
        discriminator: ``discriminator(image)`` gives (logits a patch, features), for any size; each
            stage goes on with the one of the stage before.
        pyramid: the photograph (1, C, H, W) in [-1, 1] at every stage, coarse to fine, on the
            device to train on.
        feed: what the coarsest stage is fed; None: noise.
        steps: of each stage.
        composite: a picture of the coarsest size, which the grown generator is fine-tuned to make a
            photograph of, in ``composite_steps``; None: it is not.
        logger: every stage has a checkpoint of its own, ``<stem>-<stage>.pt`` beside the one that
            is named; the steps of all are counted on in the log.
        look: takes the number of a stage when it has been trained.
    """
    for stage, real in enumerate(pyramid):
        if stage:
            size = real.shape[-2], real.shape[-1]
            grow(generator, size, pyramid[0], real, learning.noise, seed)
        train_stage(
            generator,
            discriminator,
            pyramid[0],
            real,
            learning=learning,
            feed=feed,
            steps=steps[stage],
            number=stage,
            before=sum(steps[:stage]),
            seed=seed,
            logger=logger,
        )
        look(stage)
    if composite is not None:
        train_stage(
            generator,
            discriminator,
            pyramid[0],
            pyramid[-1],
            learning=learning,
            feed=lambda image, rng: composite,
            steps=composite_steps,
            number=len(pyramid),
            before=sum(steps),
            seed=seed,
            logger=logger,
        )
        look(len(pyramid))


def grow(
    generator: ConSinGANGenerator,
    size: tuple[int, int],
    coarsest: Tensor,
    real: Tensor,
    noise: float,
    seed: int,
) -> None:
    """Add a stage; its noise is as loud as the photograph's detail that is still missing."""
    generator.grow(size, noise_amp=0.0)
    generator.to(real.device)
    with torch.no_grad():
        made = generator(**reconstruction_inputs(generator, coarsest, seed))
        generator.noise_amp[-1] = noise * F.mse_loss(made, real).sqrt()


def train_stage(
    generator: ConSinGANGenerator,
    discriminator: nn.Module,
    coarsest: Tensor,
    real: Tensor,
    *,
    learning: Learning,
    feed: Feed | None,
    steps: int,
    number: int,
    before: int,
    seed: int,
    logger: TrainingLogger,
) -> None:
    """Train the newest stages of ``generator`` on ``real``, the photograph at the newest one.

    Args:
        number: of this training, which names its checkpoint and its random numbers.
        before: steps of the trainings before, for the log.
    """
    # Everything that has a state.
    groups = _trained(generator, learning)
    generator.requires_grad_(False)
    for group in groups:
        for parameter in group["params"]:
            parameter.requires_grad_(True)
    opt_g = adam(groups, learning.learning_rate, learning.betas)
    opt_d = adam(discriminator.parameters(), learning.discriminator_learning_rate, learning.betas)
    rates = [_falling(opt, steps) for opt in (opt_g, opt_d)]
    state: dict[str, Stateful] = {
        "generator": generator,
        "discriminator": discriminator,
        "generator_optimizer": opt_g,
        "discriminator_optimizer": opt_d,
        "generator_rate": rates[0],
        "discriminator_rate": rates[1],
    }
    fixed = reconstruction_inputs(generator, coarsest, seed)

    def update(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        # A new image beside the reconstruction, from one pass.
        noise = {name: torch.randn_like(value) for name, value in fixed.items()}
        if feed is not None:
            noise["noise_0"] = feed(coarsest, rng)
        made = generator(**concatenate([noise, fixed]))
        fake, reconstructed = made[:1], made[1:]

        # Update the discriminator.
        for _ in range(learning.discriminator_steps):
            mix = torch.rand(1, device=real.device)
            penalty = pixel_gradient_penalty(discriminator, real, fake, mix)
            on_real, _ = discriminator(real)
            on_fake, _ = discriminator(fake.detach())
            d_loss = wasserstein_discriminator(on_real, on_fake)
            torch.autograd.backward(d_loss + learning.gradient_penalty * penalty)
            optimizer_step(opt_d)

        # Update the generator; the discriminator's own gradients would be thrown away.
        with frozen(discriminator):
            on_fake, _ = discriminator(fake)
            g_loss = hinge_generator(on_fake)
            error = F.mse_loss(reconstructed, real)
            torch.autograd.backward(g_loss + learning.reconstruction * error)
        optimizer_step(opt_g, steps=learning.generator_steps)
        for rate in rates:
            rate.step()
        losses = {"d": d_loss, "penalty": penalty, "g": g_loss, "reconstruction": error}
        return {name: loss.detach() for name, loss in losses.items()}

    generator.train()
    generator.by_products = True
    discriminator.train()
    own = replace(
        logger,
        checkpoint=logger.checkpoint.with_name(f"{logger.title}-{number}.pt"),
        log=lambda event: logger.log({**event, "step": before + event["step"], "pyramid": number}),
    )
    fit(update, state, own, steps=steps, seed=_seed_of(seed, number))
    generator.eval()
    generator.by_products = False


def _trained(generator: ConSinGANGenerator, learning: Learning) -> list[dict[str, Any]]:
    """The parameters that learn, by learning rate: slower the older their stage is."""
    rate, scale = learning.learning_rate, learning.learning_rate_scale
    stages = list(generator.body)
    young = stages[-learning.concurrent :]
    groups = [
        {"params": list(stage.parameters()), "lr": rate * scale**age}
        for age, stage in enumerate(reversed(young))
    ]
    if len(stages) <= learning.concurrent:
        # The layer below the first stage is as old as that.
        age = len(stages) - 1
        groups.append({"params": list(generator.head.parameters()), "lr": rate * scale**age})
    groups.append({"params": list(generator.tail.parameters()), "lr": rate})
    return groups


def _falling(optimizer: torch.optim.Optimizer, steps: int) -> torch.optim.lr_scheduler.LambdaLR:
    return torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: 1.0 if step < FALL_AT * steps else FALL_TO
    )


def _seed_of(seed: int, number: int) -> int:
    """A seed for each training, for all of them count their steps from 0."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0])
