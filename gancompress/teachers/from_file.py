"""A teacher from a file that somebody published, whatever wrote it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from gancompress.batch import InputSpec
from gancompress.errors import TeacherError
from gancompress.generators.signed import signed
from gancompress.student.file import load_student
from gancompress.teachers.distylegan_folder import require_same_config
from gancompress.teachers.downloads import missing_file
from gancompress.teachers.persistence import read_persistent
from gancompress.teachers.recognise import Recognised, recognise
from gancompress.teachers.stylegan2_ada import read_generator
from gancompress.teachers.teacher import InputData, ModuleTeacher
from gancompress.teachers.torch_file import LEGACY_START, ZIP_START, load_torch_file

# What is found in place of the file after a failed download, or by mistake.
_NOT_THE_FILE = {
    b"<": "a web page",
    b"version https://git-lfs": "a Git LFS pointer",
    b"\x1f\x8b": "a gzip archive",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
}


def from_file(
    path: str | Path,
    family: str | None = None,
    *,
    data: InputData | None = None,
    part: str | None = None,
    **settings: Any,
) -> ModuleTeacher:
    """A white-box teacher from a checkpoint.

    Reads StyleGAN2-ADA ``.pkl``; state dicts (``.pth``, ``.pt``, ``.safetensors``) of pix2pix,
    CycleGAN, GauGAN, MUNIT, StyleGAN2 and GAN Compression's compressed generators; the DiStyleGAN
    checkpoint folder; and gancompress's own students. Nothing in the file is executed.

    Args:
        path: the file, or the folder of a DiStyleGAN checkpoint.
        family: a key of :data:`gancompress.teachers.families.FAMILIES`, or ``student``; None tries
            them all.
        data: rows of inputs, for families that are fed images or label maps.
        part: which network of a file that holds several. MUNIT's files hold ``a`` and ``b``, and
            ``a2b`` or ``b2a`` join the encoder of one with the decoder of the other.
        settings: arguments of the architecture that its tensors do not show, such as GauGAN's
            ``size`` and ``upsampling``, or StyleGAN2's ``truncation_psi``.

    Raises:
        UnsafeFileError: the file wants something executed, or a global that no teacher needs.
        TeacherError: it is missing, damaged, or of no known family.
    """
    path = Path(path)
    if not path.exists():
        raise TeacherError(missing_file(path))
    if family == "student" or is_student(path):
        student = load_student(path)
        return ModuleTeacher(student.module, student.inputs, data)
    found = read_network(path, family, part=part, **settings)
    inputs: InputSpec = found.module.inputs  # type: ignore[assignment]
    return ModuleTeacher(signed(found.module, found.output_range), inputs, data)


def read_network(
    path: Path, family: str | None = None, *, part: str | None = None, **settings: Any
) -> Recognised:
    """The network in a published checkpoint, with the factory and arguments that build it.

    Arguments and errors are those of :func:`from_file`; students are not read.
    """
    where = str(path)
    if path.is_dir():
        return _from_folder(path, settings)
    start = _start(path)
    if start[8:9] == b"{":
        return recognise(_safetensors(path), where, family, settings)
    if start.startswith((ZIP_START, LEGACY_START)):
        return _choose(_state_dicts(load_torch_file(path), where), where, family, part, settings)
    for beginning, what in _NOT_THE_FILE.items():
        if start.startswith(beginning):
            raise TeacherError(f"{path}: {what}, not a checkpoint; download it again")
    tensors, recorded = read_generator(read_persistent(path), where)
    return recognise(tensors, where, family or "stylegan2", {**recorded, **settings})


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        start = file.read(64)
    if not start:
        raise TeacherError(f"{path}: empty; download it again")
    return start


def is_student(path: Path) -> bool:
    """Whether the file at ``path`` is one of gancompress's own students."""
    # A safetensors file begins with the length of its JSON header.
    if path.is_dir() or _start(path)[8:9] != b"{":
        return False
    try:
        with safe_open(path, framework="pt") as file:
            return "gancompress" in (file.metadata() or {})
    except SafetensorError as error:
        raise TeacherError(f"{path}: damaged ({error}); download it again") from error


def _safetensors(path: Path) -> dict[str, Tensor]:
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def _from_folder(path: Path, settings: Mapping[str, Any]) -> Recognised:
    generator = path / "generator.pt"
    if not generator.is_file():
        raise TeacherError(
            f"{path}: a folder without generator.pt. A DiStyleGAN checkpoint holds generator.pt "
            "and config.json; a folder of recorded images is opened as a recorded teacher"
        )
    found = read_network(generator, "distylegan", **settings)
    require_same_config(path / "config.json", found.kwargs)
    return found


def _state_dicts(loaded: Any, where: str) -> dict[str, dict[str, Tensor]]:
    """The state dicts in what a file holds: itself, or those that its keys name."""
    if not isinstance(loaded, Mapping):
        raise TeacherError(
            f"{where}: holds a {type(loaded).__name__}, not a state dict; save "
            "network.state_dict() instead"
        )
    if own := _tensors(loaded):
        return {"": own}
    parts = {str(key): value for key, value in loaded.items() if isinstance(value, Mapping)}
    return {key: tensors for key, part in parts.items() if (tensors := _tensors(part))}


def _tensors(mapping: Mapping[Any, Any]) -> dict[str, Tensor]:
    return {str(key): value for key, value in mapping.items() if isinstance(value, Tensor)}


def _choose(
    parts: dict[str, dict[str, Tensor]],
    where: str,
    family: str | None,
    part: str | None,
    settings: Mapping[str, Any],
) -> Recognised:
    """The one generator among the state dicts of a file."""
    if set(parts) >= {"a", "b"}:
        parts["a2b"], parts["b2a"] = (
            _joined(parts["a"], parts["b"]),
            _joined(parts["b"], parts["a"]),
        )
    if not parts:
        raise TeacherError(f"{where}: holds no tensors; save network.state_dict()")
    if part is not None:
        if part not in parts:
            raise TeacherError(f"{where}: has no part {part!r}; it holds {', '.join(parts)}")
        return recognise(parts[part], where, family, settings)
    found, failed = {}, []
    for name, tensors in parts.items():
        try:
            found[name] = recognise(
                tensors, f"{where}: {name}" if name else where, family, settings
            )
        except TeacherError as error:
            failed.append(str(error))
    if len(found) > 1:
        raise TeacherError(f"{where}: holds several generators; say which: part={'|'.join(found)}")
    if not found:
        raise TeacherError("\n".join(failed))
    return next(iter(found.values()))


def _joined(source: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """MUNIT's translation: the encoder of contents from ``source``, the rest from ``target``."""
    return {
        **{name: value for name, value in target.items() if not name.startswith("enc_content.")},
        **{name: value for name, value in source.items() if name.startswith("enc_content.")},
    }
