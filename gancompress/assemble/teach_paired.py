"""`teach` with the objective ``paired``: an image to the image that belongs to it."""

from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import Tensor, nn

from gancompress import assemble
from gancompress.assemble.samples import Samples
from gancompress.assemble.similarity import BATCH, visible
from gancompress.assemble.teach_networks import check_networks, the_input
from gancompress.assemble.teacher_data import NumberedRows
from gancompress.assemble.training_setup import TrainingSetup
from gancompress.batch import Batch, InputSpec, in_range
from gancompress.data.label_maps import LabelMaps
from gancompress.data.paired import PairedImages, matched
from gancompress.errors import DataError
from gancompress.recipe.schema import Recipe
from gancompress.run import RunDir
from gancompress.teach.evaluation import at_intervals
from gancompress.teach.learner import TeachSetting
from gancompress.teach.paired import PairedLosses, PairedRows, paired_training
from gancompress.training.engine import TrainingLogger

# Held-out pairs of an evaluation, and those of them that are shown.
EVALUATED = 64
PICTURED = 6


@dataclass(frozen=True)
class Split:
    """Inputs with what they should become.

    Attributes:
        train: to learn from.
        held_out: those that every stage keeps away from training.
    """

    train: PairedImages | LabelMaps
    held_out: PairedImages | LabelMaps


def paired_setup(
    recipe: Recipe, run: RunDir, accelerator: Accelerator, logger: TrainingLogger, samples: Samples
) -> TrainingSetup:
    """Prepare the recipe's generator to be trained as pix2pix does."""
    losses = PairedLosses(l1=recipe.teach.paired.l1)
    return setup_in_pairs(recipe, accelerator, logger, samples, losses)


def setup_in_pairs(
    recipe: Recipe,
    accelerator: Accelerator,
    logger: TrainingLogger,
    samples: Samples,
    losses: PairedLosses,
) -> TrainingSetup:
    """Prepare the recipe's generator to be trained on pairs, with ``losses``."""
    architecture = assemble.taught_architecture(recipe)
    generator = assemble.seeded(recipe.seed, architecture.build)
    inputs = assemble.inputs_of(generator, recipe.teacher.inputs, "teacher")
    options = recipe.teach
    name, _ = the_input(inputs, options.objective)
    data = open_pairs_to_learn(recipe, inputs)
    own = options.discriminator
    discriminator = assemble.build_discriminator(own.factory, own.kwargs, recipe.seed + 1)
    shape = tuple(data.train.batch([0])["target"].shape[1:])
    conditions = {"condition": name}
    check_networks(
        generator, discriminator, inputs, shape, conditions=conditions, jitter=options.jitter
    )
    training = paired_training(
        generator,
        discriminator,
        data.train,
        inputs,
        losses,
        setting_of(recipe, accelerator),
    )

    def evaluate(step: int) -> None:
        count = min(len(data.held_out), EVALUATED)
        distance = l1_of(training.average, data.held_out, count, inputs)
        logger.log({"step": step, "held_out_l1": distance})
        samples(step, _pictures(training.average, data.held_out, inputs))

    def finish() -> dict[str, Any]:
        return {
            "objective": options.objective,
            "inputs": recipe.teacher.data.source,
            "targets": recipe.data.source,
            "pairs": len(data.train),
            "held_out": len(data.held_out),
            "steps": options.steps,
            "held_out_l1": l1_of(training.average, data.held_out, len(data.held_out), inputs),
        }

    after = at_intervals(evaluate, options.evaluate_every, options.steps)
    return TrainingSetup(replace(training, after=after), inputs, architecture, finish)


def setting_of(recipe: Recipe, accelerator: Accelerator) -> TeachSetting:
    """How the recipe trains a generator of images or label maps."""
    return TeachSetting(
        options=recipe.teach,
        seed=recipe.seed,
        accelerator=accelerator,
        flip=recipe.teacher.data.flip,
    )


def open_pairs_to_learn(recipe: Recipe, inputs: InputSpec) -> Split:
    """The teacher's inputs with the real images of the same names.

    Raises:
        DataError: an input has no image of its name, or an image no input.
    """
    fed = assemble.teacher_data(recipe, inputs)
    assert isinstance(fed, NumberedRows)  # the one input was checked
    data = fed.rows
    names = data.maps if isinstance(data, LabelMaps) else data.inputs
    folders = recipe.teacher.data.folder or ".", recipe.data.folder or "."
    try:
        # Names in order, so that either set is parted as the other is.
        _, targets = matched(names, assemble.open_all(recipe.data), *folders, skip=False)
    except DataError as error:
        raise DataError(
            f"{recipe.data.source}: what the inputs in {recipe.teacher.data.source} should become "
            f"must have their names: {error}"
        ) from None
    whole: PairedImages | LabelMaps
    if isinstance(data, LabelMaps):
        whole = replace(data, photos=targets)
    else:
        whole = PairedImages(data.inputs, targets, data.name)
    held_out = sorted(fed.held_out)
    train = sorted(set(range(len(whole))) - set(held_out))
    return Split(whole.subset(train), whole.subset(held_out))


def l1_of(module: nn.Module, pairs: PairedRows, count: int, inputs: InputSpec) -> float:
    """Mean |output - target| of the first ``count`` pairs, images in [-1, 1]."""
    total = 0.0
    for start in range(0, count, BATCH):
        part = pairs.batch(range(start, min(start + BATCH, count)))
        made = answers(module, part, inputs)
        total += float(F.l1_loss(made, part["target"])) * len(made)
    return total / count


def answers(module: nn.Module, given: Batch, inputs: InputSpec) -> Tensor:
    """What the generator makes of images in [-1, 1] or of label maps, on the CPU."""
    device = next(module.parameters()).device
    fed = {name: in_range(given[name], entry).to(device) for name, entry in inputs.items()}
    with torch.no_grad():
        made: Tensor = module(**fed)
    return made.float().cpu()


def _pictures(module: nn.Module, pairs: PairedRows, inputs: InputSpec) -> dict[str, Tensor]:
    few = pairs.batch(range(min(len(pairs), PICTURED)))
    fed = {name: in_range(few[name], entry) for name, entry in inputs.items()}
    made = answers(module, few, inputs)
    return {**visible(inputs, fed), "target": few["target"], "output": made}
