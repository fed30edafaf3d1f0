"""A teacher from noise to image, trained against a discriminator on real images."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from gancompress.batch import Batch, Input, draw_inputs
from gancompress.data.images import Images, to_float
from gancompress.teach.augment import translate
from gancompress.training.checkpoint import Stateful
from gancompress.training.engine import fit
from gancompress.training.losses import ADVERSARIAL, AdversarialLoss, r1_penalty
from gancompress.training.optimise import adam, descend, follow_buffers, moving_average
from gancompress.training.order import batch_indices


def teach_adversarial(
    generator: nn.Module,
    discriminator: nn.Module,
    images: Images,
    inputs: Mapping[str, Input],
    *,
    accelerator: Accelerator,
    steps: int,
    batch_size: int,
    loss: AdversarialLoss,
    r1: float,
    r1_every: int,
    learning_rate: float,
    discriminator_learning_rate: float,
    betas: tuple[float, float],
    ema: float,
    augment: bool,
    seed: int,
    checkpoint: Path,
    checkpoint_seconds: float,
    log: Callable[[Mapping[str, Any]], None],
    log_every: int,
) -> nn.Module:
    """Train ``generator`` until its images pass for the real ones; returns its moving average.

    Args:
        generator: ``generator(**batch)`` gives images in [-1, 1].
        discriminator: ``discriminator(image, **conditions)`` gives (logits, features); the
            conditions are the generator's ``one_hot`` inputs.
        images: the real ones; where the generator has a ``one_hot`` input, with labels.
        inputs: of the generator; all of kinds that can be drawn.
    """
    # Everything that has a state.
    # Channels last is a third faster on the CPU, and what mixed precision wants on a GPU.
    place = {"device": accelerator.device, "memory_format": torch.channels_last}
    generator, discriminator = generator.to(**place), discriminator.to(**place)
    average = moving_average(generator, ema)
    opt_g = adam(generator.parameters(), learning_rate, betas)
    opt_d = adam(discriminator.parameters(), discriminator_learning_rate, betas)
    state: dict[str, Stateful] = {
        "generator": generator,
        "discriminator": discriminator,
        "average": average,
        "generator_optimizer": opt_g,
        "discriminator_optimizer": opt_d,
    }
    condition = next((name for name, entry in inputs.items() if entry.kind == "one_hot"), None)
    loss_d, loss_g = ADVERSARIAL[loss]
    shown = translate if augment else _as_they_are

    def update(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        # Real images, and latents of as many samples.
        chosen = batch_indices(step, batch_size, len(images), seed)
        real = to_float(images.batch(chosen)).to(accelerator.device)
        latents = _draw(inputs, step, batch_size, seed, accelerator)
        conditions: Batch = {}
        real_conditions: Batch = {}
        if condition is not None:
            conditions[condition] = latents[condition]
            real_conditions[condition] = _one_hot(images, chosen, inputs[condition], accelerator)

        # Update the discriminator.
        with accelerator.autocast():
            fake = generator(**latents)
            on_real, _ = discriminator(shown(real), **real_conditions)
            on_fake, _ = discriminator(shown(fake.detach()), **conditions)
            d_loss = loss_d(on_real, on_fake)
        losses = {"d": d_loss.detach()}
        if r1 > 0 and step % r1_every == 0:
            penalty = r1_penalty(discriminator, real, real_conditions)
            d_loss = d_loss + r1 * r1_every / 2 * penalty
            losses["r1"] = penalty.detach()
        accelerator.backward(d_loss)
        descend(opt_d)

        # Update the generator; the discriminator's own gradients would be thrown away.
        discriminator.requires_grad_(False)
        with accelerator.autocast():
            on_fake, _ = discriminator(shown(fake), **conditions)
            g_loss = loss_g(on_fake)
        accelerator.backward(g_loss)
        descend(opt_g)
        discriminator.requires_grad_(True)
        average.update_parameters(generator)
        follow_buffers(average, generator)
        return {**losses, "g": g_loss.detach()}

    generator.train()
    discriminator.train()
    fit(
        update,
        state,
        steps=steps,
        seed=seed,
        checkpoint=checkpoint,
        checkpoint_seconds=checkpoint_seconds,
        log=log,
        log_every=log_every,
        title="teach",
        main_process=accelerator.is_main_process,
    )
    taught: nn.Module = average.module
    return taught.eval()


def _as_they_are(images: Tensor) -> Tensor:
    return images


def _draw(
    inputs: Mapping[str, Input], step: int, n: int, seed: int, accelerator: Accelerator
) -> Batch:
    drawn = draw_inputs(inputs, range(step * n, (step + 1) * n), seed)
    return {name: value.to(accelerator.device) for name, value in drawn.items()}


def _one_hot(images: Images, chosen: np.ndarray, entry: Input, accelerator: Accelerator) -> Tensor:
    assert images.labels is not None
    labels = images.labels[torch.from_numpy(chosen)]
    return nn.functional.one_hot(labels, entry.shape[0]).float().to(accelerator.device)
