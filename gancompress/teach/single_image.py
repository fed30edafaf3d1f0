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
from gancompress.errors import OptionError
from gancompress.generators.consingan import ConSinGANGenerator
from gancompress.teach.options import TeachOptions
from gancompress.training.checkpoint import Stateful
from gancompress.training.engine import TrainingLogger, fit
from gancompress.training.losses import (
    hinge_generator,
    pixel_gradient_penalty,
    wasserstein_discriminator,
)
from gancompress.training.optimise import adam, frozen, optimizer_step

# Gives the input of the coarsest stage in a step, from the coarsest image (1, C, H, W).
Feed = Callable[[Tensor, np.random.Generator], Tensor]

# The learning rates fall to a tenth for the last fifth of a stage.
FALL_AT, FALL_TO = 0.8, 0.1


@dataclass(frozen=True, kw_only=True)
class Photograph:
    """The photograph that is learned, and the inputs of the coarsest stage.

    Attributes:
        pyramid: the photograph (1, C, H, W) in [-1, 1] at every stage, coarse to fine, on the
            device to train on.
        feed: gives the input of the coarsest stage; None: noise.
        composite: a picture of the coarsest size, which the grown generator is fine-tuned to make a
            photograph of; None: it is not.
        seed: of all noise.
    """

    pyramid: Sequence[Tensor]
    feed: Feed | None
    composite: Tensor | None
    seed: int


@dataclass(frozen=True, kw_only=True)
class PyramidStage:
    """One of the trainings that follow each other.

    Attributes:
        number: names its checkpoint and its random numbers.
        real: the photograph at its size.
        feed: gives the input of the coarsest stage; None: noise.
        steps: updates.
        before: steps of the trainings before, for the log.
    """

    number: int
    real: Tensor
    feed: Feed | None
    steps: int
    before: int


def stages_of(photograph: Photograph, options: TeachOptions) -> list[PyramidStage]:
    """The trainings that a photograph takes: one for each size, and one for a composite."""
    own, pyramid, composite = options.single_image, photograph.pyramid, photograph.composite
    steps = list(own.steps or (options.steps,) * len(pyramid))
    sizes = list(pyramid)
    if len(steps) != len(sizes):
        raise OptionError(
            f"teach.single_image.steps: {len(steps)} numbers for {len(sizes)} stages; give one for "
            "each"
        )
    feeds = [photograph.feed] * len(sizes)
    if composite is not None:
        steps.append(own.finetune_steps)
        sizes.append(pyramid[-1])
        feeds.append(lambda image, rng: composite)
    return [
        PyramidStage(number=n, real=real, feed=feed, steps=count, before=sum(steps[:n]))
        for n, (real, feed, count) in enumerate(zip(sizes, feeds, steps, strict=True))
    ]


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
    photograph: Photograph,
    options: TeachOptions,
    *,
    logger: TrainingLogger,
    evaluate: Callable[[int], None],
) -> None:
    """Train ``generator``, which has the coarsest stage only, and grow it to the whole pyramid.

    Args:
        generator: is grown and trained in place.
        discriminator: ``discriminator(image)`` gives (logits a patch, maps), for any size; each
            stage continues with the one of the stage before.
        photograph: is learned.
        options: those of the paper are: learning rates of 5e-4, betas of (0.5, 0.999), the
            defaults of ``single_image``.
        logger: every stage has a checkpoint of its own, ``<stem>-<stage>.pt`` beside the one that
            is named; the steps of all are counted on in the log.
        evaluate: takes the number of a stage when it has been trained.
    """
    for stage in stages_of(photograph, options):
        if 0 < stage.number < len(photograph.pyramid):
            _grow(generator, photograph, stage.real, options.single_image.noise)
        train_stage(generator, discriminator, photograph, stage, options, logger)
        evaluate(stage.number)


def _grow(
    generator: ConSinGANGenerator, photograph: Photograph, real: Tensor, noise: float
) -> None:
    """Add a stage; its noise is as strong as the photograph's detail that is still missing."""
    generator.grow((real.shape[-2], real.shape[-1]), noise_amp=0.0)
    generator.to(real.device)
    with torch.no_grad():
        coarsest = photograph.pyramid[0]
        made = generator(**reconstruction_inputs(generator, coarsest, photograph.seed))
        generator.noise_amp[-1] = noise * F.mse_loss(made, real).sqrt()


def train_stage(
    generator: ConSinGANGenerator,
    discriminator: nn.Module,
    photograph: Photograph,
    stage: PyramidStage,
    options: TeachOptions,
    logger: TrainingLogger,
) -> None:
    """Train the newest stages of ``generator`` on ``stage.real``, the photograph at the newest."""
    own, real, coarsest, feed = options.single_image, stage.real, photograph.pyramid[0], stage.feed

    # Everything that has a state.
    groups = _trained(generator, options)
    generator.requires_grad_(False)
    for group in groups:
        for parameter in group["params"]:
            parameter.requires_grad_(True)
    opt_g = adam(groups, options.learning_rate, options.betas)
    opt_d = adam(discriminator.parameters(), options.discriminator_learning_rate, options.betas)
    rates = [_falling(opt, stage.steps) for opt in (opt_g, opt_d)]
    state: dict[str, Stateful] = {
        "generator": generator,
        "discriminator": discriminator,
        "generator_optimizer": opt_g,
        "discriminator_optimizer": opt_d,
        "generator_rate": rates[0],
        "discriminator_rate": rates[1],
    }
    fixed = reconstruction_inputs(generator, coarsest, photograph.seed)

    def update(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        # A new image beside the reconstruction, from one pass.
        noise = {name: torch.randn_like(value) for name, value in fixed.items()}
        if feed is not None:
            noise["noise_0"] = feed(coarsest, rng)
        made = generator(**concatenate([noise, fixed]))
        fake, reconstructed = made[:1], made[1:]

        # Update the discriminator.
        for _ in range(own.discriminator_steps):
            mix = torch.rand(1, device=real.device)
            penalty = pixel_gradient_penalty(discriminator, real, fake, mix)
            on_real, _ = discriminator(real)
            on_fake, _ = discriminator(fake.detach())
            d_loss = wasserstein_discriminator(on_real, on_fake)
            torch.autograd.backward(d_loss + own.gradient_penalty * penalty)
            optimizer_step(opt_d)

        # Update the generator; the discriminator's own gradients would be thrown away.
        with frozen(discriminator):
            on_fake, _ = discriminator(fake)
            g_loss = hinge_generator(on_fake)
            error = F.mse_loss(reconstructed, real)
            torch.autograd.backward(g_loss + own.reconstruction * error)
        optimizer_step(opt_g, steps=own.generator_steps)
        for rate in rates:
            rate.step()
        losses = {"d": d_loss, "penalty": penalty, "g": g_loss, "reconstruction": error}
        return {name: loss.detach() for name, loss in losses.items()}

    generator.train()
    generator.by_products = True
    discriminator.train()
    stage_logger = replace(
        logger,
        checkpoint=logger.checkpoint.with_name(f"{logger.title}-{stage.number}.pt"),
        log=lambda event: logger.log(
            {**event, "step": stage.before + event["step"], "pyramid": stage.number}
        ),
    )
    seed = _seed_of(photograph.seed, stage.number)
    fit(update, state, stage_logger, steps=stage.steps, seed=seed)
    generator.eval()
    generator.by_products = False


def _trained(generator: ConSinGANGenerator, options: TeachOptions) -> list[dict[str, Any]]:
    """The parameters that learn, by learning rate: slower the older their stage is."""
    own, rate = options.single_image, options.learning_rate
    scale = own.learning_rate_scale
    stages = list(generator.body)
    young = stages[-own.concurrent :]
    groups = [
        {"params": list(stage.parameters()), "lr": rate * scale**age}
        for age, stage in enumerate(reversed(young))
    ]
    if len(stages) <= own.concurrent:
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
