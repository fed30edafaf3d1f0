"""Teachers for the library: a module, a function, a published file."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from gancompress.api.inputs import EXAMPLE, inputs_of, rows_of
from gancompress.batch import Batch, Input, InputSpec
from gancompress.errors import TeacherError
from gancompress.generators.signed import RANGE, signed
from gancompress.options import check_image_range
from gancompress.student.file import Architecture, load_student
from gancompress.teachers.from_file import is_student, read_network, student_in
from gancompress.teachers.hub import located
from gancompress.teachers.programs import is_program, open_program
from gancompress.teachers.teacher import CallableTeacher, InputData, ModuleTeacher


class Teacher:
    """A frozen generator to learn from: your module (a white box) or your function (a black box).

    Args:
        network: called as ``network(**inputs)`` with a batch of N samples; returns images
            (N, C, H, W), scores (N, K), audio (N, C, T), film (N, C, T, H, W), or any other tensor
            (N, …). A module is put into evaluation mode, and its parameters stop requiring
            gradients.
        inputs: what it is fed, by the names of its arguments; a module that has an attribute
            ``inputs`` may do without.
        data: rows for the inputs that cannot be drawn from a seed; see :func:`collect`.
        output_range: values of black and white in its images; what a teacher answers is in
            [-1, 1].
        version: names a function and its version. Change it whenever what the function computes
            changes, so that old pairs are not mixed with new ones; its own name by default.
        architecture: how the module is built, where that is known; it is written into the files of
            students.

    Attributes:
        module: the white box, which answers in [-1, 1]; None for a function.
        inputs: as given.
        fingerprint: names what it computes: a hash of a module's tensors, or the version.

    Raises:
        TeacherError: nothing says what it is fed.
        OptionError: ``output_range`` is not black below white.
    """

    def __init__(
        self,
        network: nn.Module | Callable[..., Tensor],
        inputs: Mapping[str, Input] | None = None,
        *,
        data: Any = None,
        output_range: tuple[float, float] = RANGE,
        version: str = "",
        architecture: Architecture | None = None,
    ) -> None:
        if not callable(network):
            raise TeacherError(
                f"gc.Teacher: {type(network).__name__}; give a module or a function, or "
                "gc.load_teacher a file"
            )
        check_image_range(output_range, "gc.Teacher: output_range")
        self.architecture = architecture
        self.module: nn.Module | None = None
        self._asked: ModuleTeacher | CallableTeacher
        if isinstance(network, nn.Module):
            spec = inputs_of(network, inputs, "gc.Teacher")
            rows = _rows(data, spec)
            self.module = signed(network, output_range)
            self._asked = ModuleTeacher(self.module, spec, rows)
        else:
            if not inputs:
                raise TeacherError(
                    f"gc.Teacher: give inputs=, what the function is fed, e.g. {EXAMPLE}"
                )
            name = version or getattr(network, "__qualname__", type(network).__name__)
            low, high = output_range

            def answer(batch: Batch) -> Tensor:
                output: Tensor = network(**batch)
                return output if output_range == RANGE else (output - low) * 2 / (high - low) - 1

            self._asked = CallableTeacher(answer, inputs, name, _rows(data, inputs))

    @property
    def inputs(self) -> InputSpec:
        """What it is fed."""
        return self._asked.inputs

    @property
    def fingerprint(self) -> str:
        """Names what it computes; pairs of one fingerprint may be mixed."""
        return self._asked.fingerprint

    @property
    def data(self) -> InputData | None:
        """Rows for the inputs that cannot be drawn."""
        return self._asked.data

    def sample_inputs(self, indices: Sequence[int], seed: int) -> Batch:
        """The inputs of the samples ``indices`` of the stream ``seed``, on the CPU."""
        return self._asked.sample_inputs(indices, seed)

    def __call__(self, batch: Batch) -> Tensor:
        """The outputs for a batch of N samples: (N, …), images in [-1, 1], without gradient."""
        return self._asked(batch)


def load_teacher(
    path: str | Path,
    *,
    family: str | None = None,
    data: Any = None,
    part: str | None = None,
    output_range: tuple[float, float] = RANGE,
    trusted: bool = False,
    inputs: Mapping[str, Input] | None = None,
    **settings: Any,
) -> Teacher:
    """The teacher in a published checkpoint or a student file. Nothing in the file is executed,
    unless it is a program that you trust.

    Args:
        path: of a family that ``docs/teachers.md`` lists: a file of ``torch.save`` or safetensors,
            a StyleGAN2-ADA ``.pkl``, a DiStyleGAN folder, a folder of diffusers, ``hf://owner/name``;
            or a file of :func:`save`.
        family: what the file holds; None recognises it.
        data: rows for the inputs that cannot be drawn from a seed; see :func:`collect`.
        part: which network of a file that holds several.
        output_range: values of black and white in its images; by default those of its family.
        trusted: run the program in the file (ONNX, TorchScript, ``torch.export``) as a black box.
        inputs: what such a program is fed, where it does not say.
        settings: arguments of the architecture that its tensors do not show, such as
            ``truncation_psi`` of StyleGAN2.

    Raises:
        UnsafeFileError: the file wants something executed.
        TeacherError: it is missing, damaged, or of no known family.
    """
    place = located(path)
    if is_program(place, trusted):
        program = open_program(place, inputs, trusted=trusted, output_range=output_range)
        return Teacher(
            lambda **batch: program(batch), program.inputs, data=data, version=program.fingerprint
        )
    if not place.exists() or family == "student" or is_student(place):
        student = load_student(student_in(place))
        return Teacher(student.module, student.inputs, data=data, architecture=student.architecture)
    found = read_network(place, family, part=part, **settings)
    if output_range == RANGE:
        output_range = found.output_range
    architecture = Architecture(found.factory, found.kwargs, output_range=output_range)
    return Teacher(found.module, data=data, output_range=output_range, architecture=architecture)


def _rows(data: Any, inputs: Mapping[str, Input]) -> InputData | None:
    # Without data yet: collect may be given some, and tells where there is none.
    return None if data is None else rows_of(data, inputs)
