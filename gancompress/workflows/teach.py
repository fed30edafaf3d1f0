"""`teach`: train a teacher where the recipe names no teacher file."""

from gancompress.assemble.teach_single_image import teach_single_image
from gancompress.assemble.teaching import training_setup
from gancompress.assemble.training_setup import TRAINED_ONLINE
from gancompress.recipe.schema import Recipe
from gancompress.run import RunDir
from gancompress.student.file import Student, save_student
from gancompress.training.engine import train


def teach(recipe: Recipe, run: RunDir) -> None:
    """Train the teacher of ``recipe`` into ``run/teacher.safetensors``."""
    if given := recipe.teacher.given:
        run.complete("teach", {"skipped": f"the teacher is {given}"})
        return
    if recipe.distill.online:
        run.complete("teach", {"skipped": TRAINED_ONLINE})
        return
    # One photograph is a training for each of its sizes.
    single = recipe.teach.objective == "single_image"
    teacher = teach_single_image(recipe, run) if single else _taught(recipe, run)
    save_student(teacher, run.path / "teacher.safetensors")
    run.complete("teach", teacher.provenance["taught_on"], ["teacher.safetensors"])


def _taught(recipe: Recipe, run: RunDir) -> Student:
    with training_setup(recipe, run) as (setup, logger):
        train(setup.training, logger, steps=recipe.teach.steps, seed=recipe.seed)
        return setup.teacher()
