"""`teach` with the objective ``adversarial``: noise to image."""

from typing import Any

import torch
from torch import nn

from gancompress.batch import InputSpec, example_inputs
from gancompress.data.images import Images
from gancompress.elastic.student import Architecture, Student
from gancompress.errors import RecipeError
from gancompress.recipe.schema import Recipe
from gancompress.run_dir import RunDir
from gancompress.teach.adversarial import teach_adversarial as train
from gancompress.teach.adversarial_step import Rules
from gancompress.teach.augment import Augment
from gancompress.workflows import assemble
from gancompress.workflows.logs import logger
from gancompress.workflows.looks import look_of
from gancompress.workflows.samples import Samples


def teach_adversarial(recipe: Recipe, run: RunDir) -> Student:
    """Train the recipe's generator on its real images; its provenance says on which."""
    accelerator = assemble.prepare(recipe)
    data = assemble.real_images(recipe)
    assert data is not None  # the recipe was checked for it
    architecture = Architecture(recipe.teacher.factory, recipe.teacher.kwargs)
    generator = assemble.seeded(recipe.seed, architecture.build)
    inputs = assemble.inputs_of(generator, recipe.teacher.inputs, "teacher")
    keys = recipe.teach
    opponent = keys.discriminator
    discriminator = assemble.build_discriminator(opponent.factory, opponent.kwargs, recipe.seed + 1)
    _check(recipe, generator, discriminator, inputs, data[0])
    rules = Rules(
        keys.loss,
        keys.relativistic,
        keys.r1,
        keys.r1_every,
        keys.gradient_penalty,
        keys.critic_steps,
        keys.unrolled,
    )
    samples = Samples(run.path / "samples", "teach", accelerator.is_main_process)
    with logger(run, "teach", accelerator.is_main_process) as log:
        taught = train(
            generator,
            discriminator,
            data[0],
            inputs,
            rules=rules,
            augment=Augment(keys.augment, keys.adaptive),
            look=look_of(recipe, run, data[0], inputs, accelerator, samples),
            accelerator=accelerator,
            steps=keys.steps,
            batch_size=keys.batch_size,
            learning_rate=keys.learning_rate,
            discriminator_learning_rate=keys.discriminator_learning_rate,
            betas=assemble.pair(keys.betas),
            ema=keys.ema,
            seed=recipe.seed,
            checkpoint=run.path / "checkpoints" / "teach.pt",
            checkpoint_seconds=recipe.checkpoint_seconds,
            log=log,
            log_every=recipe.log_every,
        )
    samples.film()
    facts: dict[str, Any] = {
        "data": recipe.data.source,
        "images": len(data[0]),
        "steps": keys.steps,
        "step": taught.step,
    }
    if taught.frechet is not None:
        facts["frechet"] = taught.frechet
        facts["extractor"] = recipe.evaluate.extractor
    return Student(taught.module.cpu(), inputs, architecture, {"taught_on": facts})


def _check(
    recipe: Recipe,
    generator: nn.Module,
    discriminator: nn.Module,
    inputs: InputSpec,
    images: Images,
) -> None:
    """Refuse networks and images that do not fit together, before anything is trained."""
    told = {name: entry for name, entry in inputs.items() if entry.kind == "one_hot"}
    classes = next((entry.shape[0] for entry in told.values()), 0)
    if classes and images.labels is None:
        raise RecipeError(
            f"data.source: {recipe.data.source} has no labels, but the teacher is told a class; "
            "put the images into one folder a class, or give the teacher no classes"
        )
    if classes and len(images.classes) > classes:
        raise RecipeError(
            f"data.source: {recipe.data.source} has {len(images.classes)} classes, the teacher is "
            f"told one of {classes}; mend teacher.kwargs"
        )
    batch = example_inputs(inputs)
    with torch.random.fork_rng(), torch.no_grad():
        made = generator.eval()(**batch)
        if made.shape[1:] != images.shape:
            raise RecipeError(
                f"data: real images have the shape {images.shape}, the teacher's "
                f"{tuple(made.shape[1:])}; mend data.resolution, data.channels or teacher.kwargs"
            )
        try:
            discriminator.eval()(made, **{name: batch[name] for name in told})
        except (RuntimeError, TypeError, ValueError) as error:
            raise RecipeError(
                f"teach.discriminator: cannot judge images of shape {images.shape} "
                f"with {', '.join(told) or 'no class'}: {error!s:.200}"
            ) from error
    generator.train()
    discriminator.train()
