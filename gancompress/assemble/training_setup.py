"""What a teaching is, once a recipe has been read: the same for every objective."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from accelerate import Accelerator

from gancompress.assemble.samples import Samples
from gancompress.batch import InputSpec
from gancompress.recipe.schema import Recipe
from gancompress.run import RunDir
from gancompress.student.file import Architecture, Student
from gancompress.training.engine import Training, TrainingLogger


@dataclass(frozen=True)
class TrainingSetup:
    """A teaching that is ready to begin.

    Attributes:
        training: of the teacher, with its evaluations.
        inputs: of the teacher.
        architecture: of the teacher.
        finish: says at the end on what it was taught; may put other weights into the average and
            leave files of its own.
    """

    training: Training
    inputs: InputSpec
    architecture: Architecture
    finish: Callable[[], dict[str, Any]]

    def teacher(self) -> Student:
        """The trained generator, on the CPU; its provenance says on what it was taught."""
        module = self.training.average.cpu()
        facts = self.finish()
        return Student(module, self.inputs, self.architecture, {"taught_on": facts})


# Why there is nothing to teach or to record before `distill`.
TRAINED_ONLINE = "the teacher is trained together with the student"

# Reads a recipe into a setup; its evaluations go to the log and to the pictures.
Prepare = Callable[[Recipe, RunDir, Accelerator, TrainingLogger, Samples], TrainingSetup]
