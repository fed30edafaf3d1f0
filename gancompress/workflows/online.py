"""A teacher that learns along with its student, instead of before it (OMGD)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from torch import Tensor

from gancompress.batch import Batch
from gancompress.data.live import LivePairs
from gancompress.recipe.schema import Recipe
from gancompress.run_dir import RunDir
from gancompress.teachers.teacher import CallableTeacher
from gancompress.workflows import assemble
from gancompress.workflows.lesson import LEARNS_ALONG, Lesson
from gancompress.workflows.pairs import recording_plan
from gancompress.workflows.teach import lesson_of


@contextmanager
def online_lesson(recipe: Recipe, run: RunDir) -> Iterator[Lesson]:
    """The recipe's teaching, as long as its distillation; the last weights are kept.

    Those are what the student has learned from. What the teaching looks at is logged under `teach`.
    """
    keys = replace(recipe.teach, steps=recipe.distill.steps, best=False)
    with lesson_of(replace(recipe, teach=keys), run) as (lesson, _):
        yield lesson


def live_pairs(recipe: Recipe, lesson: Lesson) -> LivePairs:
    """What the teacher of ``lesson`` answers at the moment at which it is asked."""
    live = lesson.training.live.eval()
    device = next(live.parameters()).device

    def answers(batch: Batch) -> Tensor:
        made: Tensor = live(**{name: value.to(device) for name, value in batch.items()})
        return made

    inputs = assemble.with_shares(lesson.inputs, recipe.collect.class_shares)
    data = assemble.teacher_data(recipe, inputs)
    teacher = CallableTeacher(answers, inputs, LEARNS_ALONG, data)
    return LivePairs(teacher, recording_plan(recipe, teacher))
