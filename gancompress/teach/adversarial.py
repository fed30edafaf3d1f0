"""A teacher from noise to image, trained against a discriminator on real images."""

from collections.abc import Mapping
from functools import partial

import torch
from torch import nn

from gancompress.batch import Input
from gancompress.data.images import Images
from gancompress.teach.adversarial_step import AdversarialData, AdversarialStep
from gancompress.teach.augment import Augment
from gancompress.teach.learner import TeachSetting
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
    setting: TeachSetting,
    *,
    augment: Augment | None = None,
) -> Training:
    """Prepare ``generator`` to be trained until its images pass for the real ones.

    Several processes train as one does with all their batches together.

    Args:
        generator: ``generator(**batch)`` gives images in [-1, 1].
        discriminator: ``discriminator(image, **conditions)`` gives (logits, maps); the conditions
            are the generator's ``one_hot`` inputs.
        images: the real ones; where the generator has a ``one_hot`` input, with labels.
        inputs: of the generator; all of kinds that can be drawn.
        setting: how it is trained, and where.
        augment: in the place of the options' augmentation.
    """
    options, accelerator = setting.options, setting.accelerator
    # Channels last is a third faster on the CPU, and what mixed precision wants on a GPU.
    place = {"device": accelerator.device, "memory_format": torch.channels_last}
    generator, discriminator = generator.to(**place), discriminator.to(**place)
    average = moving_average(generator, options.ema).eval()
    share_batch_statistics(generator, discriminator)

    # Everything that has a state.
    step = AdversarialStep(
        generator=generator.train(),
        discriminator=discriminator.train(),
        average=average,
        generator_optimizer=adam(generator.parameters(), options.learning_rate, options.betas),
        discriminator_optimizer=adam(
            discriminator.parameters(), options.discriminator_learning_rate, options.betas
        ),
        data=AdversarialData(images, inputs, setting),
        augment=augment or Augment(options.augment, options.adaptive),
        setting=setting,
    )
    state: dict[str, Stateful] = {
        "generator": generator,
        "discriminator": discriminator,
        "average": average,
        "generator_optimizer": step.generator_optimizer,
        "discriminator_optimizer": step.discriminator_optimizer,
        "augment": step.augment,
    }
    if accelerator.scaler is not None:
        state["scaler"] = accelerator.scaler
    return Training(
        update=step,
        state=state,
        find_warnings=partial(find_warnings, loss=options.loss),
        live=generator,
        average=average.module,
    )
