"""`teach`: train a teacher where the recipe names no teacher file."""

from gancompress.elastic.student import Student, save_student
from gancompress.recipe.schema import Recipe
from gancompress.run_dir import RunDir
from gancompress.training.engine import train
from gancompress.workflows import assemble
from gancompress.workflows.lesson import Prepare
from gancompress.workflows.logs import bookkeeping
from gancompress.workflows.samples import Samples
from gancompress.workflows.teach_adversarial import adversarial_lesson
from gancompress.workflows.teach_cycle import cycle_lesson
from gancompress.workflows.teach_paired import paired_lesson
from gancompress.workflows.teach_semantic import semantic_lesson
from gancompress.workflows.teach_single_image import teach_single_image

LESSONS: dict[str, Prepare] = {
    "adversarial": adversarial_lesson,
    "paired": paired_lesson,
    "semantic": semantic_lesson,
    "cycle": cycle_lesson,
}


def teach(recipe: Recipe, run: RunDir) -> None:
    """Train the teacher of ``recipe`` into ``run/teacher.safetensors``."""
    if given := recipe.teacher.given:
        run.complete("teach", {"skipped": f"the teacher is {given}"})
        return
    # One photograph is a training for each of its sizes.
    single = recipe.teach.objective == "single_image"
    teacher = teach_single_image(recipe, run) if single else _taught(recipe, run)
    save_student(teacher, run.path / "teacher.safetensors")
    run.complete("teach", teacher.provenance["taught_on"])


def _taught(recipe: Recipe, run: RunDir) -> Student:
    accelerator = assemble.prepare(recipe)
    samples = Samples(run.path / "samples", "teach", accelerator.is_main_process)
    with bookkeeping(recipe, run, "teach", accelerator) as books:
        lesson = LESSONS[recipe.teach.objective](recipe, run, accelerator, books, samples)
        train(lesson.training, books, steps=recipe.teach.steps, seed=recipe.seed)
        teacher = lesson.teacher()
    samples.film()
    return teacher
