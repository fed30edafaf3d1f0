"""A teacher from a file that somebody published, whatever wrote it."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from gancompress.batch import InputSpec
from gancompress.errors import TeacherError
from gancompress.generators.signed import signed
from gancompress.student.file import load_student
from gancompress.teachers.choose import choose
from gancompress.teachers.distylegan_folder import require_same_config
from gancompress.teachers.downloads import missing_file
from gancompress.teachers.hub import located
from gancompress.teachers.hub_folder import config_of, read_diffusers, weights_in
from gancompress.teachers.not_a_checkpoint import refuse_by_ending, refuse_known
from gancompress.teachers.persistence import read_persistent
from gancompress.teachers.recognise import Recognised
from gancompress.teachers.safetensors_file import read_safetensors
from gancompress.teachers.teacher import InputData, ModuleTeacher
from gancompress.teachers.torch_file import LEGACY_START, ZIP_START, ReadFile, read_torch_file

# The file of a student in a folder for the hub.
STUDENT_IN_FOLDER = "model.safetensors"

_LOG = logging.getLogger("gancompress.teachers")


def from_file(
    path: str | Path,
    family: str | None = None,
    *,
    data: InputData | None = None,
    part: str | None = None,
    **settings: Any,
) -> ModuleTeacher:
    """A white-box teacher from a checkpoint.

    Reads files of ``torch.save`` (state dicts, checkpoints that hold some, whole modules),
    safetensors and StyleGAN2-ADA's pickles, of the families in
    :data:`gancompress.teachers.families.FAMILIES`; the DiStyleGAN checkpoint folder; and
    gancompress's own students. Nothing in the file is executed. What its tensors do not show is
    assumed to be as published, and each assumption is logged.

    Args:
        path: the file; the folder of a DiStyleGAN checkpoint, of a network of diffusers, or with
            one file of weights; or ``hf://owner/name`` (:func:`~gancompress.teachers.hub.located`).
        family: a key of :data:`gancompress.teachers.families.FAMILIES`, or ``student``; None tries
            them all.
        data: rows of inputs, for families that are fed images or label maps.
        part: which network of a file that holds several, by its keys (``g_ema``, ``netG_A``).
            Averages over the training go first. MUNIT's files hold ``a`` and ``b``, and ``a2b`` or
            ``b2a`` join the encoder of one with the decoder of the other.
        settings: arguments of the architecture that its tensors do not show, such as GauGAN's
            ``size`` and ``upsampling``, or StyleGAN2's ``truncation_psi``.

    Raises:
        UnsafeFileError: the file wants something executed, or a global that no teacher needs.
        TeacherError: it is missing, damaged, or of no known family.
    """
    path = located(path)
    if not path.exists():
        raise TeacherError(missing_file(path))
    if family == "student" or is_student(path):
        student = load_student(student_in(path))
        return ModuleTeacher(student.module, student.inputs, data)
    found = read_network(path, family, part=part, **settings)
    inputs: InputSpec = found.module.inputs  # type: ignore[assignment]
    module = signed(found.module, found.output_range)
    return ModuleTeacher(module, inputs, data, found.assumptions)


def read_network(
    path: Path, family: str | None = None, *, part: str | None = None, **settings: Any
) -> Recognised:
    """The network in a published checkpoint, with the factory and arguments that build it.

    Arguments and errors are those of :func:`from_file`; students are not read.
    """
    path = located(path)
    if path.is_dir():
        return _from_folder(path, family, part, settings)
    file = read_file(path)
    found = choose(file, family, part, settings)
    if file.skipped:
        skipped = ", ".join(file.skipped[:5]) + (" …" if len(file.skipped) > 5 else "")
        told = f"skipped what is no tensor (nothing of it was run): {skipped}"
        found = replace(found, assumptions=(*found.assumptions, told))
    for assumption in found.assumptions:
        _say_once(path, assumption)
    return found


@cache
def _say_once(path: Path, assumption: str) -> None:
    """Log an assumption; the stages of a run, which each read the teacher, do not repeat it."""
    _LOG.warning("%s: %s", path, assumption)


def read_file(path: Path) -> ReadFile:
    """What a checkpoint of any layout holds, as data.

    Raises:
        UnsafeFileError: it names a global that can only do harm; nothing was executed.
        TeacherError: it is damaged, or known to be no checkpoint.
    """
    start = _start(path)
    if start[8:9] == b"{":
        return read_safetensors(path)
    if start.startswith((ZIP_START, LEGACY_START)):
        return read_torch_file(path)
    refuse_known(path, start)
    try:
        return read_persistent(path)
    except TeacherError:
        refuse_by_ending(path)
        raise


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        start = file.read(512)
    if not start:
        raise TeacherError(f"{path}: empty; download it again")
    return start


def student_in(path: Path) -> Path:
    """The file of the student at ``path``, a file or a folder as `gancompress card` makes."""
    return path / STUDENT_IN_FOLDER if path.is_dir() else path


def is_student(path: Path) -> bool:
    """Whether ``path`` is one of gancompress's own students, or a folder with one for the hub."""
    path = student_in(path)
    # A safetensors file begins with the length of its JSON header.
    if not path.is_file() or _start(path)[8:9] != b"{":
        return False
    try:
        with safe_open(path, framework="pt") as file:
            return "gancompress" in (file.metadata() or {})
    except SafetensorError as error:
        raise TeacherError(f"{path}: damaged ({error}); download it again") from error


def _from_folder(
    path: Path, family: str | None, part: str | None, settings: Mapping[str, Any]
) -> Recognised:
    """A DiStyleGAN checkpoint, or a folder as the Hugging Face hub has it."""
    generator = path / "generator.pt"
    if generator.is_file():
        found = read_network(generator, "distylegan", **settings)
        require_same_config(path / "config.json", found.kwargs)
        return found
    config, weights = config_of(path), weights_in(path)
    if "_class_name" in config:
        return read_diffusers(path, config, read_file(weights), settings)
    return read_network(weights, family, part=part, **settings)
