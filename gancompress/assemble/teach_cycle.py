"""`teach` with the objective ``cycle``: one kind of images to another, without pairs."""

from dataclasses import replace
from typing import Any

import torch.nn.functional as F
from accelerate import Accelerator
from torch import Tensor, nn

from gancompress import assemble
from gancompress.assemble.samples import Samples
from gancompress.assemble.teach_networks import check_networks, the_input
from gancompress.assemble.teach_paired import EVALUATED, PICTURED, answers, setting_of
from gancompress.assemble.teacher_data import NumberedRows
from gancompress.assemble.training_setup import TrainingSetup
from gancompress.batch import InputSpec
from gancompress.data.images import Images, to_float
from gancompress.data.paired import PairedImages
from gancompress.data.problems import problem_lines
from gancompress.errors import RecipeError
from gancompress.recipe.schema import Recipe
from gancompress.run import RunDir
from gancompress.student.file import Student, save_student
from gancompress.teach.cycle import cycle_training
from gancompress.teach.evaluation import at_intervals
from gancompress.training.engine import TrainingLogger


def cycle_setup(
    recipe: Recipe, run: RunDir, accelerator: Accelerator, logger: TrainingLogger, samples: Samples
) -> TrainingSetup:
    """Prepare two generators; the one from the teacher's inputs to the real images is the teacher.

    The other one is kept as ``teacher-back.safetensors``.
    """
    options = recipe.teach
    architecture = assemble.taught_architecture(recipe)
    own, seed = options.discriminator, recipe.seed
    there, back = (assemble.seeded(seed + i, architecture.build) for i in (0, 1))
    critic_a, critic_b = (
        assemble.build_discriminator(own.factory, own.kwargs, seed + i) for i in (2, 3)
    )
    inputs = assemble.inputs_of(there, recipe.teacher.inputs, "teacher")
    the_input(inputs, options.objective)
    images_a, kept_a = open_inputs(recipe, inputs)
    real = assemble.real_images(recipe)
    assert real is not None  # the recipe was checked for it
    for line in problem_lines(real[0].problems):
        logger.log({"step": 0, "event": line})
    if images_a.shape != real[0].shape:
        raise RecipeError(
            f"data.resolution, data.channels: the real images are {real[0].shape}, the teacher's "
            f"inputs {images_a.shape}; cycle leads from either to the other, so make them equal"
        )
    check_networks(there, critic_b, inputs, real[0].shape, conditions={}, jitter=options.jitter)
    training, average_back = cycle_training(
        (there, back),
        (critic_a, critic_b),
        (images_a, real[0]),
        inputs,
        setting_of(recipe, accelerator),
    )
    shown = to_float(kept_a.batch(range(min(EVALUATED, len(kept_a)))))

    def evaluate(step: int) -> None:
        made, returned = _round_trip(training.average, average_back, shown, inputs)
        logger.log({"step": step, "held_out_cycle": float(F.l1_loss(returned, shown))})
        pictured = {"input": shown, "there and back": returned, "output": made}
        samples(step, {title: x[:PICTURED] for title, x in pictured.items()})

    def finish() -> dict[str, Any]:
        _, returned = _round_trip(training.average, average_back.cpu(), shown, inputs)
        facts = {
            "objective": options.objective,
            "inputs": f"{recipe.teacher.data.source} {recipe.teacher.data.folder}".strip(),
            "targets": f"{recipe.data.source} {recipe.data.folder}".strip(),
            "images": [len(images_a), len(real[0])],
            "held_out": [len(kept_a), len(real[1])],
            "steps": options.steps,
            "held_out_cycle": float(F.l1_loss(returned, shown)),
        }
        taught = {"taught_on": {**facts, "way": "back"}}
        other = Student(average_back, inputs, architecture, taught)
        save_student(other, run.path / "teacher-back.safetensors")
        return facts

    after = at_intervals(evaluate, options.evaluate_every, options.steps)
    return TrainingSetup(replace(training, after=after), inputs, architecture, finish)


def open_inputs(recipe: Recipe, inputs: InputSpec) -> tuple[Images, Images]:
    """The images that the teacher is fed, as (training, held out)."""
    fed = assemble.teacher_data(recipe, inputs)
    if not isinstance(fed, NumberedRows) or not isinstance(fed.rows, PairedImages):
        raise RecipeError(
            "teacher.data.layout: label_maps, but cycle leads from images to images; write images "
            "or side_by_side"
        )
    images, held_out = fed.rows.inputs, sorted(fed.held_out)
    train = sorted(set(range(len(images))) - set(held_out))
    return images.subset(train), images.subset(held_out)


def _round_trip(
    there: nn.Module, back: nn.Module, images: Tensor, inputs: InputSpec
) -> tuple[Tensor, Tensor]:
    (name,) = inputs
    made = answers(there, {name: images}, inputs)
    return made, answers(back, {name: made}, inputs)
