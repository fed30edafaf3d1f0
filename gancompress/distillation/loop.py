"""Distilling a supernet from recorded pairs: every subnet learns to reproduce the teacher."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial

import torch
from torch import nn

from gancompress.batch import rows
from gancompress.data.prefetch import Prefetch
from gancompress.distillation.batch import StepBatch, read_batch
from gancompress.distillation.data import DistillData
from gancompress.distillation.discriminator import prepare_discriminator
from gancompress.distillation.features import FeatureProvider, Networks, prepare_features
from gancompress.distillation.map_cache import MapCache, bytes_of
from gancompress.distillation.objective import Objective, objective_of
from gancompress.distillation.online import together
from gancompress.distillation.sampling import make_sampler
from gancompress.distillation.step import DistillStep
from gancompress.distillation.validation import Validation
from gancompress.distillation.warnings import find_warnings
from gancompress.options import check_ranges
from gancompress.supernet import Supernet
from gancompress.training.checkpoint import Stateful, load_checkpoint
from gancompress.training.engine import Training, TrainingLogger, train
from gancompress.training.optimise import adam, moving_average, scheduled
from gancompress.training.processes import shared_batch_statistics
from gancompress.training.warnings import console


def distill(
    supernet: Supernet,
    data: DistillData,
    networks: Networks,
    *,
    logger: TrainingLogger,
    online: Training | None = None,
) -> nn.Module:
    """Train the supernet's weights; returns their moving average, a module as ``supernet.module``.

    Args:
        supernet: is trained in place.
        data: the pairs, real images where there are any, the options and where to train. Without
            real images the terms on them are left out.
        networks: that the loss terms need.
        logger: where losses, checkpoints and pictures go. With ``validate_every`` the weights that
            are best on held-out pairs are kept beside the checkpoint as ``<stem>-best.pt``, and
            returned if ``patience`` ended the training.
        online: the training of a teacher that is trained in the same steps, before the student; it
            is the white box then, and the pairs hold its present outputs.

    Raises:
        RecipeError: a term is unknown, or needs what is not there.
        OptionError: a number among the options is out of range.
    """
    options, accelerator = data.options, data.accelerator
    check_ranges(options, "distill")
    logger = replace(logger, keep_every=options.keep_every)

    # The loss terms and the feature maps that they compare.
    objective = objective_of(
        options.terms,
        discriminator=networks.discriminator is not None,
        real_images=data.real is not None,
    )
    # Channels last is what convolutions are fastest in.
    place = {"device": accelerator.device, "memory_format": torch.channels_last}
    supernet = supernet.to(**place).train()
    networks = replace(networks, teacher=online.live) if online else networks
    features = _features(objective, networks, supernet, data, logger)

    # The student: its parameters, their moving average, optimizer and learning rate.
    average = moving_average(supernet.module, options.ema).eval()
    state: dict[str, Stateful] = {"student": supernet.module, "average": average}
    parameters = [p for p in supernet.module.parameters() if p.requires_grad]
    if features.adapters is not None:
        state["adapters"] = features.adapters.to(accelerator.device)
        parameters += features.adapters.parameters()
    optimizer = adam(parameters, options.learning_rate, options.betas)
    schedules = [scheduled(optimizer, options.schedule, options.steps)]
    state |= {"optimizer": optimizer, "schedule": schedules[0]}
    if accelerator.scaler is not None:
        state["scaler"] = accelerator.scaler

    # The discriminator, where a term needs it.
    discriminator = None
    if networks.discriminator is not None and objective.needing("discriminator"):
        discriminator = prepare_discriminator(networks.discriminator, supernet, data)
        schedules.append(scheduled(discriminator.optimizer, options.schedule, options.steps))
        state["discriminator"] = discriminator.network
        state["discriminator_optimizer"] = discriminator.optimizer
        state["discriminator_schedule"] = schedules[1]

    # The choice of the subnets that are trained.
    sampler = make_sampler(supernet, options)
    if sampler.loss_model is not None:
        state["front"] = sampler.loss_model

    # Evaluation on held-out pairs, and warnings.
    warnings = partial(find_warnings, adversarial=options.adversarial if discriminator else "")
    warn = logger.with_warnings(warnings).warn
    validation = None
    if data.validates:
        moving = online is not None
        validation = Validation(
            supernet, average, data=data, objective=objective, logger=logger, online=moving
        )
        state["validation"] = validation

    # Train.
    learning = [supernet.module, *([discriminator.network] if discriminator else [])]
    with _reader(data, discriminator is not None) as read, shared_batch_statistics(*learning):
        update = DistillStep(
            supernet=supernet, data=data, read=read, objective=objective, features=features,
            discriminator=discriminator, sampler=sampler, optimizer=optimizer, schedules=schedules,
            average=average, warn=warn,
        )  # fmt: skip
        training = Training(
            update=update, state=state, find_warnings=warnings, live=supernet.module,
            average=average.module, after=validation,
        )  # fmt: skip
        training = together(online, training) if online else training
        trained = train(training, logger, steps=options.steps, seed=data.seed)

    # The best weights, where the training ended for want of improvement.
    if validation is not None and validation.ended:
        accelerator.wait_for_everyone()
        load_checkpoint(validation.best_file, {"average": average})
        warn(validation.best_step, "the weights of this step are the best and are used")
    return trained


def _features(
    objective: Objective,
    networks: Networks,
    supernet: Supernet,
    data: DistillData,
    logger: TrainingLogger,
) -> FeatureProvider:
    """What computes the maps of the feature terms; shows which maps they compare."""
    teacher = networks.teacher
    if teacher is not None:
        networks = replace(networks, teacher=teacher.to(data.accelerator.device).eval())
    batch, inputs = data.pairs_of(0)[0], dict(data.inputs)
    features = prepare_features(
        objective, networks, supernet.module, inputs=inputs, batch=batch, seed=data.seed
    )
    show = console(logger.main_process)
    for term, found in features.taps.items():
        logger.log({"step": 0, "taps": {term: [str(tap) for tap in found]}})
        show("\n".join([f"{term} compares, student (shape) = teacher (shape):", *map(str, found)]))
    return _with_cache(features, data, logger)


def _reader(data: DistillData, real: bool) -> AbstractContextManager[Callable[[int], StepBatch]]:
    """Gives the batch of a step by its number.

    The next one is read while a GPU computes. On a CPU two threads that both compute slow each
    other down: with two cores a step took twice as long.
    """
    read = partial(read_batch, data, real)
    if data.stored and data.accelerator.device.type != "cpu":
        return Prefetch(read, depth=1)
    return nullcontext(read)


def _with_cache(
    features: FeatureProvider, data: DistillData, logger: TrainingLogger
) -> FeatureProvider:
    """``features`` with a cache of the teacher's maps; shows how many pairs it holds."""
    budget = int(data.options.cache_gigabytes * 1e9)
    if not budget or not features.terms:
        return features
    inputs, target = data.pairs_of(0)
    one = slice(0, 1)
    with data.accelerator.autocast():
        size = bytes_of(features.compute(features.terms, rows(inputs, one), target[one]))
    capacity = min(budget // size, data.count)
    line = (
        f"the teacher's feature maps, {size / 1e6:.3g} MB a pair, are cached for {capacity} of "
        f"{data.count} pairs"
    )
    logger.log({"step": 0, "event": line})
    console(logger.main_process)(line)
    return replace(features, cache=MapCache(capacity))
