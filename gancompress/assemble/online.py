"""Online distillation: the teacher is trained together with its student (OMGD)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from torch import Tensor

from gancompress import assemble
from gancompress.api.inputs import with_shares
from gancompress.assemble.pairs import recorded
from gancompress.assemble.teaching import training_setup
from gancompress.assemble.training_setup import TRAINED_ONLINE, TrainingSetup
from gancompress.batch import Batch
from gancompress.data.live import Pairs
from gancompress.recipe.schema import Recipe
from gancompress.run import RunDir
from gancompress.teachers.teacher import CallableTeacher


@contextmanager
def online_setup(recipe: Recipe, run: RunDir) -> Iterator[TrainingSetup]:
    """The recipe's teaching, as long as its distillation; the last weights are kept.

    The student has learned from those. Evaluations of the teacher are logged under `teach`.
    """
    keys = replace(recipe.teach, steps=recipe.distill.steps, best=False)
    with training_setup(replace(recipe, teach=keys), run) as (setup, _):
        yield setup


def live_pairs(recipe: Recipe, setup: TrainingSetup) -> Pairs:
    """What the teacher of ``setup`` answers at the moment at which it is asked."""
    live = setup.training.live.eval()
    device = next(live.parameters()).device

    def answers(batch: Batch) -> Tensor:
        made: Tensor = live(**{name: value.to(device) for name, value in batch.items()})
        return made

    inputs = with_shares(setup.inputs, recipe.collect.class_shares)
    data = assemble.teacher_data(recipe, inputs)
    teacher = CallableTeacher(answers, inputs, TRAINED_ONLINE, data)
    return recorded(recipe, teacher)
