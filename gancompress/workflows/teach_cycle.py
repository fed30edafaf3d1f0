"""`teach` with the objective ``cycle``: one kind of images to another, without pairs."""

from collections.abc import Callable, Mapping
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from gancompress.batch import InputSpec
from gancompress.data.images import Images, to_float
from gancompress.data.paired import PairedImages
from gancompress.elastic.student import Architecture, Student, save_student
from gancompress.errors import RecipeError
from gancompress.recipe.schema import Recipe
from gancompress.run_dir import RunDir
from gancompress.teach.cycle import teach_cycle as train
from gancompress.workflows import assemble
from gancompress.workflows.logs import logger
from gancompress.workflows.samples import Samples
from gancompress.workflows.teach_networks import check_networks, the_input
from gancompress.workflows.teach_paired import LOOKED_AT, PICTURED, answers
from gancompress.workflows.teacher_data import NumberedRows


def teach_cycle(recipe: Recipe, run: RunDir) -> Student:
    """Train two generators; the one from the teacher's inputs to the real images is the teacher.

    The other one is kept as ``teacher-back.safetensors``.
    """
    accelerator = assemble.prepare(recipe)
    keys = recipe.teach
    architecture = Architecture(recipe.teacher.factory, recipe.teacher.kwargs)
    opponent = keys.discriminator
    there, back = (assemble.seeded(recipe.seed + i, architecture.build) for i in (0, 1))
    critic_a, critic_b = (
        assemble.build_discriminator(opponent.factory, opponent.kwargs, recipe.seed + i)
        for i in (2, 3)
    )
    inputs = assemble.inputs_of(there, recipe.teacher.inputs, "teacher")
    name, entry = the_input(inputs, keys.objective)
    images_a, kept_a = open_inputs(recipe, inputs)
    real = assemble.real_images(recipe)
    assert real is not None  # the recipe was checked for it
    if images_a.shape != real[0].shape:
        raise RecipeError(
            f"data.resolution, data.channels: the real images are {real[0].shape}, the teacher's "
            f"inputs {images_a.shape}; cycle leads from either to the other, so make them equal"
        )
    check_networks(there, critic_b, inputs, real[0].shape, told=False, jitter=keys.jitter)
    shown = to_float(kept_a.batch(range(min(LOOKED_AT, len(kept_a)))))
    samples = Samples(run.path / "samples", "teach", accelerator.is_main_process)
    with logger(run, "teach", accelerator.is_main_process) as log:
        taught, taught_back = train(
            there,
            back,
            critic_a,
            critic_b,
            images_a,
            real[0],
            name,
            entry,
            consistency=keys.cycle.consistency,
            identity=keys.cycle.identity,
            pool=keys.cycle.pool,
            accelerator=accelerator,
            steps=keys.steps,
            batch_size=keys.batch_size,
            loss=keys.loss,
            jitter=keys.jitter,
            flip=recipe.teacher.data.flip,
            learning_rate=keys.learning_rate,
            discriminator_learning_rate=keys.discriminator_learning_rate,
            betas=assemble.pair(keys.betas),
            decay_from=keys.decay_from,
            ema=keys.ema,
            seed=recipe.seed,
            checkpoint=run.path / "checkpoints" / "teach.pt",
            checkpoint_seconds=recipe.checkpoint_seconds,
            log=log,
            log_every=recipe.log_every,
            look=lambda step, a, b: _look(step, a, b, shown, inputs, log, samples),
            look_every=keys.look_every,
        )
    samples.film()
    _, returned = _round_trip(taught.cpu(), taught_back.cpu(), shown, inputs)
    facts = {
        "objective": keys.objective,
        "inputs": f"{recipe.teacher.data.source} {recipe.teacher.data.folder}".strip(),
        "targets": f"{recipe.data.source} {recipe.data.folder}".strip(),
        "images": [len(images_a), len(real[0])],
        "held_out": [len(kept_a), len(real[1])],
        "steps": keys.steps,
        "held_out_cycle": float(F.l1_loss(returned, shown)),
    }
    other = Student(taught_back, inputs, architecture, {"taught_on": {**facts, "way": "back"}})
    save_student(other, run.path / "teacher-back.safetensors")
    return Student(taught, inputs, architecture, {"taught_on": facts})


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


def _look(
    step: int,
    there: nn.Module,
    back: nn.Module,
    images: Tensor,
    inputs: InputSpec,
    log: Callable[[Mapping[str, Any]], None],
    samples: Samples,
) -> None:
    made, returned = _round_trip(there, back, images, inputs)
    log({"step": step, "held_out_cycle": float(F.l1_loss(returned, images))})
    pictured = {"input": images, "there and back": returned, "output": made}
    samples(step, {title: x[:PICTURED] for title, x in pictured.items()})
