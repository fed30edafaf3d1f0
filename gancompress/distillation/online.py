"""Online distillation: teacher and student are trained together (Ren et al. 2021, OMGD, 3.1)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

import numpy as np
from torch import Tensor

from gancompress.training.engine import Training

T = TypeVar("T")

# Of the teacher's losses, warnings and state.
PREFIX = "teacher_"


def together(teacher: Training, student: Training) -> Training:
    """A step of the teacher, then one of the student, which learns from the updated teacher.

    The teacher is in training mode during its own step only.
    Its evaluations never end the training.
    """

    def update(step: int, rng: np.random.Generator) -> Mapping[str, Tensor]:
        teacher.live.train()
        losses = teacher.update(step, rng)
        teacher.live.eval()
        return {**_titled(losses), **student.update(step, rng)}

    def find_warnings(event: Mapping[str, object]) -> Mapping[str, str]:
        own = {name[len(PREFIX) :]: x for name, x in event.items() if name.startswith(PREFIX)}
        found = {kind: f"teacher: {text}" for kind, text in teacher.find_warnings(own).items()}
        return {**_titled(found), **student.find_warnings(event)}

    def after(done: int) -> bool:
        if teacher.after is not None:
            teacher.after(done)
        return student.after is not None and student.after(done)

    state = {**student.state, **_titled(teacher.state)}
    return replace(student, update=update, state=state, find_warnings=find_warnings, after=after)


def _titled(values: Mapping[str, T]) -> dict[str, T]:
    return {f"{PREFIX}{name}": value for name, value in values.items()}
