"""`teach` with the objective ``adversarial``: noise to image."""

from dataclasses import replace
from typing import Any

from accelerate import Accelerator

from gancompress import assemble
from gancompress.assemble.evaluation import look_of
from gancompress.assemble.problems import problem_lines
from gancompress.assemble.samples import Samples
from gancompress.assemble.teach_networks import check_networks
from gancompress.assemble.training_setup import TrainingSetup
from gancompress.batch import InputSpec
from gancompress.data.images import Images
from gancompress.errors import RecipeError
from gancompress.recipe.schema import Recipe
from gancompress.run import RunDir
from gancompress.teach.adversarial import adversarial_training
from gancompress.teach.adversarial_step import Rules
from gancompress.teach.augment import Augment
from gancompress.teach.evaluation import Looks
from gancompress.training.engine import TrainingLogger


def adversarial_setup(
    recipe: Recipe, run: RunDir, accelerator: Accelerator, logger: TrainingLogger, samples: Samples
) -> TrainingSetup:
    """Prepare the recipe's generator to be trained on its real images."""
    data = assemble.real_images(recipe)
    assert data is not None  # the recipe was checked for it
    images, _ = data
    for line in problem_lines(images.problems):
        logger.log({"step": 0, "event": line})
    architecture = assemble.taught_architecture(recipe)
    generator = assemble.seeded(recipe.seed, architecture.build)
    inputs = assemble.inputs_of(generator, recipe.teacher.inputs, "teacher")
    keys = recipe.teach
    opponent = keys.discriminator
    discriminator = assemble.build_discriminator(opponent.factory, opponent.kwargs, recipe.seed + 1)
    told = _told(recipe, inputs, images)
    check_networks(generator, discriminator, inputs, images.shape, told=told)
    rules = Rules(
        keys.loss,
        keys.relativistic,
        keys.r1,
        keys.r1_every,
        keys.gradient_penalty,
        keys.critic_steps,
        keys.unrolled,
    )
    training = adversarial_training(
        generator,
        discriminator,
        images,
        inputs,
        rules=rules,
        augment=Augment(keys.augment, keys.adaptive),
        accelerator=accelerator,
        batch_size=keys.batch_size,
        learning_rate=keys.learning_rate,
        discriminator_learning_rate=keys.discriminator_learning_rate,
        betas=assemble.pair(keys.betas),
        ema=keys.ema,
        seed=recipe.seed,
    )
    looks = Looks(
        training.average,
        look_of(recipe, run, images, inputs, accelerator, samples),
        keys.steps,
        logger.checkpoint,
        logger.main_process,
        logger.with_warnings(training.find_warnings),
    )

    def finish() -> dict[str, Any]:
        accelerator.wait_for_everyone()
        taught = looks.taught()
        facts: dict[str, Any] = {
            "data": recipe.data.source,
            "images": len(images),
            "steps": keys.steps,
            "step": taught.step,
        }
        if taught.frechet is not None:
            facts |= {"frechet": taught.frechet, "extractor": recipe.evaluate.extractor}
        return facts

    state = {**training.state, "looks": looks}
    return TrainingSetup(replace(training, state=state, after=looks), inputs, architecture, finish)


def _told(recipe: Recipe, inputs: InputSpec, images: Images) -> dict[str, str]:
    """What the discriminator is told beside an image: the class, where there are any."""
    told = {name: entry for name, entry in inputs.items() if entry.choices}
    classes = next((entry.choices for entry in told.values()), 0)
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
    return {name: name for name in told}
