"""`teach` with the objective ``adversarial``: noise to image."""

from dataclasses import replace
from typing import Any

from accelerate import Accelerator

from gancompress import assemble
from gancompress.assemble.evaluation import evaluation_plan
from gancompress.assemble.samples import Samples
from gancompress.assemble.teach_networks import check_networks
from gancompress.assemble.training_setup import TrainingSetup
from gancompress.batch import InputSpec
from gancompress.data.images import Images
from gancompress.data.problems import problem_lines
from gancompress.errors import RecipeError
from gancompress.recipe.schema import Recipe
from gancompress.run import RunDir
from gancompress.teach.adversarial import adversarial_training
from gancompress.teach.evaluation import TeacherEvaluation
from gancompress.teach.learner import TeachSetting
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
    options = recipe.teach
    own = options.discriminator
    discriminator = assemble.build_discriminator(own.factory, own.kwargs, recipe.seed + 1)
    conditions = _conditions(recipe, inputs, images)
    check_networks(generator, discriminator, inputs, images.shape, conditions=conditions)
    setting = TeachSetting(options=options, seed=recipe.seed, accelerator=accelerator)
    training = adversarial_training(generator, discriminator, images, inputs, setting)
    plan = evaluation_plan(recipe, run, images, inputs, accelerator, samples)
    evaluation = TeacherEvaluation(training, plan, options.steps, logger)

    def finish() -> dict[str, Any]:
        accelerator.wait_for_everyone()
        taught = evaluation.trained()
        facts: dict[str, Any] = {
            "data": recipe.data.source,
            "images": len(images),
            "steps": options.steps,
            "step": taught.step,
        }
        if taught.frechet is not None:
            facts |= {"frechet": taught.frechet, "extractor": recipe.evaluate.extractor}
        return facts

    state = {**training.state, "evaluation": evaluation}
    training = replace(training, state=state, after=evaluation)
    return TrainingSetup(training, inputs, architecture, finish)


def _conditions(recipe: Recipe, inputs: InputSpec, images: Images) -> dict[str, str]:
    """What the discriminator is given beside an image: the class, where there are any."""
    found = {name: entry for name, entry in inputs.items() if entry.choices}
    classes = next((entry.choices for entry in found.values()), 0)
    if classes and images.labels is None:
        raise RecipeError(
            f"data.source: {recipe.data.source} has no labels, but the teacher has a class input; "
            "put the images into one folder a class, or give the teacher no classes"
        )
    if classes and len(images.classes) > classes:
        raise RecipeError(
            f"data.source: {recipe.data.source} has {len(images.classes)} classes, the teacher "
            f"knows {classes}; mend teacher.kwargs"
        )
    return {name: name for name in found}
