"""`teach`: train a teacher where the recipe names no teacher file."""

from collections.abc import Iterator
from contextlib import contextmanager

from gancompress.elastic.student import Student, save_student
from gancompress.recipe.schema import Recipe
from gancompress.run_dir import RunDir
from gancompress.training.engine import Bookkeeping, train
from gancompress.workflows import assemble
from gancompress.workflows.lesson import LEARNS_ALONG, Lesson, Prepare
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
    if recipe.distill.online:
        run.complete("teach", {"skipped": LEARNS_ALONG})
        return
    # One photograph is a training for each of its sizes.
    single = recipe.teach.objective == "single_image"
    teacher = teach_single_image(recipe, run) if single else _taught(recipe, run)
    save_student(teacher, run.path / "teacher.safetensors")
    run.complete("teach", teacher.provenance["taught_on"])


def _taught(recipe: Recipe, run: RunDir) -> Student:
    with lesson_of(recipe, run) as (lesson, books):
        train(lesson.training, books, steps=recipe.teach.steps, seed=recipe.seed)
        return lesson.teacher()


@contextmanager
def lesson_of(recipe: Recipe, run: RunDir) -> Iterator[tuple[Lesson, Bookkeeping]]:
    """The recipe's teaching, ready to begin, and the books that its looks are entered in."""
    accelerator = assemble.prepare(recipe)
    samples = Samples(run.path / "samples", "teach", accelerator.is_main_process)
    with bookkeeping(recipe, run, "teach", accelerator) as books:
        yield LESSONS[recipe.teach.objective](recipe, run, accelerator, books, samples), books
    samples.film()
