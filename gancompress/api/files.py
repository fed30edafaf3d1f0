"""Students and other modules in files, without pickle."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from gancompress.batch import Input
from gancompress.options import check_given
from gancompress.student.file import Architecture, Factory, Student, load_student, save_student
from gancompress.supernet import Supernet
from gancompress.teachers.from_file import student_in
from gancompress.teachers.hub import located


def save(
    what: nn.Module | Student,
    path: str | Path,
    *,
    inputs: Mapping[str, Input] | None = None,
    factory: str = "",
    kwargs: Mapping[str, Any] | None = None,
    half: bool = False,
) -> None:
    """Write a student, or any module, such as an extracted one, to one safetensors file.

    Args:
        what: of a supernet, its module at full width.
        path: of the file, which is replaced.
        inputs: what the module is fed; by default its attribute ``inputs``, where it has one.
        factory: what builds the module at full width, ``"module:attr"``, ``"file.py:attr"`` or a
            built-in name; it is written into the file. Without one, every plain attribute of the
            submodules is written, and :func:`load` is given what builds it.
        kwargs: arguments of the factory, plain data.
        half: round 32-bit numbers to 16 bits, to be widened again when the file is read.

    Raises:
        OptionError: ``what`` is none of them.
        TeacherError: the module is not what ``factory`` builds, widths apart.
    """
    if isinstance(what, Student):
        save_student(what, path, half=half)
        return
    check_given(what, nn.Module, "gc.save", "a module or a student")
    module = what.module if isinstance(what, Supernet) else what
    spec = getattr(module, "inputs", None) if inputs is None else inputs
    known = dict(spec) if isinstance(spec, Mapping) else {}
    student = Student(module, known, Architecture(factory, dict(kwargs or {})))
    save_student(student, path, half=half)


def load(path: str | Path, factory: Factory | None = None) -> nn.Module:
    """The module in a file of :func:`save`, in evaluation mode, on the CPU.

    Args:
        path: of the file; or a folder that `gancompress card` made, or ``hf://owner/name``, where
            such a folder was uploaded.
        factory: what builds the module at full width: a name, which gets the arguments that the
            file holds; a callable without arguments; or such a module, which is copied. Not needed
            for students of built-in architectures. Nothing else in a file decides what code runs.

    Returns:
        The module; where the file says what it is fed, that is its attribute ``inputs``.

    Raises:
        TeacherError: the file is missing or damaged, does not fit ``factory``, or needs one.
        UnsafeFileError: it names a factory that is not built in, and none was given.
    """
    student = load_student(student_in(located(path)), factory=factory)
    if student.inputs and not hasattr(student.module, "inputs"):
        student.module.inputs = dict(student.inputs)  # type: ignore[assignment]
    return student.module
