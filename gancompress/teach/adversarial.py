"""A teacher from noise to image, trained against a discriminator on real images."""

from collections.abc import Mapping
from functools import partial

import torch
from accelerate import Accelerator
from torch import nn

from gancompress.batch import Input
from gancompress.data.images import Images
from gancompress.teach.adversarial_step import Rounds, Rules, Step
from gancompress.teach.augment import Augment
from gancompress.teach.warnings import find_warnings
from gancompress.training.checkpoint import Stateful
from gancompress.training.engine import Training
from gancompress.training.optimise import adam, moving_average
from gancompress.training.processes import share_batch_statistics


def adversarial_training(
    generator: nn.Module,
    discriminator: nn.Module,
    images: Images,
    inputs: Mapping[str, Input],
    *,
    rules: Rules,
    augment: Augment,
    accelerator: Accelerator,
    batch_size: int,
    learning_rate: float,
    discriminator_learning_rate: float,
    betas: tuple[float, float],
    ema: float,
    seed: int,
) -> Training:
    """Prepare ``generator`` to be trained until its images pass for the real ones.

    Several processes train as one does with all their batches together.

    Args:
        generator: ``generator(**batch)`` gives images in [-1, 1].
        discriminator: ``discriminator(image, **conditions)`` gives (logits, features); the
            conditions are the generator's ``one_hot`` inputs.
        images: the real ones; where the generator has a ``one_hot`` input, with labels.
        inputs: of the generator; all of kinds that can be drawn.
        rules: losses and penalties.
        augment: what is done to images before the discriminator sees them.
        batch_size: of each process.
    """
    # Channels last is a third faster on the CPU, and what mixed precision wants on a GPU.
    place = {"device": accelerator.device, "memory_format": torch.channels_last}
    generator, discriminator = generator.to(**place), discriminator.to(**place)
    average = moving_average(generator, ema).eval()
    share_batch_statistics(generator, discriminator)

    # Everything that has a state.
    opt_g = adam(generator.parameters(), learning_rate, betas)
    opt_d = adam(discriminator.parameters(), discriminator_learning_rate, betas)
    state: dict[str, Stateful] = {
        "generator": generator,
        "discriminator": discriminator,
        "average": average,
        "generator_optimizer": opt_g,
        "discriminator_optimizer": opt_d,
        "augment": augment,
    }
    if accelerator.scaler is not None:
        state["scaler"] = accelerator.scaler

    rank, ranks = accelerator.process_index, accelerator.num_processes
    rounds = Rounds(images, inputs, batch_size, seed, accelerator.device, rank, ranks)
    step = Step(
        generator, discriminator, average, opt_g, opt_d, rounds, rules, augment, accelerator
    )
    generator.train()
    discriminator.train()
    return Training(
        update=step,
        state=state,
        find_warnings=partial(find_warnings, loss=rules.loss),
        live=generator,
        average=average.module,
    )
