"""A teacher from noise to image, trained against a discriminator on real images."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn

from gancompress.batch import Input
from gancompress.data.images import Images
from gancompress.teach.adversarial_step import Rounds, Rules, Step
from gancompress.teach.augment import Augment
from gancompress.teach.looks import Look, Looks, Taught
from gancompress.teach.remarks import remarks
from gancompress.training.checkpoint import Stateful
from gancompress.training.engine import fit
from gancompress.training.optimise import adam, moving_average
from gancompress.training.processes import share_batch_statistics
from gancompress.training.watch import Watch, voice


def teach_adversarial(
    generator: nn.Module,
    discriminator: nn.Module,
    images: Images,
    inputs: Mapping[str, Input],
    *,
    rules: Rules,
    augment: Augment,
    look: Look | None,
    accelerator: Accelerator,
    steps: int,
    batch_size: int,
    learning_rate: float,
    discriminator_learning_rate: float,
    betas: tuple[float, float],
    ema: float,
    seed: int,
    checkpoint: Path,
    checkpoint_seconds: float,
    log: Callable[[Mapping[str, Any]], None],
    log_every: int,
) -> Taught:
    """Train ``generator`` until its images pass for the real ones; gives its moving average.

    Several processes train as one does with all their batches together.

    Args:
        generator: ``generator(**batch)`` gives images in [-1, 1].
        discriminator: ``discriminator(image, **conditions)`` gives (logits, features); the
            conditions are the generator's ``one_hot`` inputs.
        images: the real ones; where the generator has a ``one_hot`` input, with labels.
        inputs: of the generator; all of kinds that can be drawn.
        rules: losses and penalties.
        augment: what is done to images before the discriminator sees them.
        look: looks at the average now and then; the best is kept beside ``checkpoint`` as
            ``<stem>-best.pt``.
        batch_size: of each process.
    """
    # Channels last is a third faster on the CPU, and what mixed precision wants on a GPU.
    place = {"device": accelerator.device, "memory_format": torch.channels_last}
    generator, discriminator = generator.to(**place), discriminator.to(**place)
    average = moving_average(generator, ema)
    share_batch_statistics(generator, discriminator)

    # Everything that has a state.
    opt_g = adam(generator.parameters(), learning_rate, betas)
    opt_d = adam(discriminator.parameters(), discriminator_learning_rate, betas)
    say = voice(accelerator.is_main_process)
    watch = Watch(partial(remarks, loss=rules.loss), log, say, checkpoint.stem)
    looks = Looks(average, look, steps, checkpoint, accelerator.is_main_process, watch)
    state: dict[str, Stateful] = {
        "generator": generator,
        "discriminator": discriminator,
        "average": average,
        "generator_optimizer": opt_g,
        "discriminator_optimizer": opt_d,
        "augment": augment,
        "looks": looks,
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
    fit(
        step,
        state,
        steps=steps,
        seed=seed,
        checkpoint=checkpoint,
        checkpoint_seconds=checkpoint_seconds,
        log=watch,
        log_every=log_every,
        title=checkpoint.stem,
        main_process=accelerator.is_main_process,
        device=accelerator.device,
        after=looks,
    )
    accelerator.wait_for_everyone()
    return looks.taught()
