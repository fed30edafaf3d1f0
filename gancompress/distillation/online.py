"""A teacher that learns along with its student (Ren et al. 2021, OMGD, section 3.1)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

import numpy as np
from torch import Tensor

from gancompress.training.engine import Training

T = TypeVar("T")

# Of what is the teacher's in losses, remarks and checkpoints.
PREFIX = "teacher_"


def together(teacher: Training, student: Training) -> Training:
    """A step of the teacher, then one of the student, who learns from what the teacher is by then.

    The teacher is in training mode while it learns; whoever asks it finds it in evaluation mode.
    Its looks never end the training.
    """

    def update(step: int, rng: np.random.Generator) -> Mapping[str, Tensor]:
        teacher.live.train()
        losses = teacher.update(step, rng)
        teacher.live.eval()
        return {**_titled(losses), **student.update(step, rng)}

    def remarks(event: Mapping[str, object]) -> Mapping[str, str]:
        own = {name[len(PREFIX) :]: x for name, x in event.items() if name.startswith(PREFIX)}
        found = {kind: f"teacher: {text}" for kind, text in teacher.remarks(own).items()}
        return {**_titled(found), **student.remarks(event)}

    def after(done: int) -> bool:
        if teacher.after is not None:
            teacher.after(done)
        return student.after is not None and student.after(done)

    state = {**student.state, **_titled(teacher.state)}
    return replace(student, update=update, state=state, remarks=remarks, after=after)


def _titled(values: Mapping[str, T]) -> dict[str, T]:
    return {f"{PREFIX}{name}": value for name, value in values.items()}
