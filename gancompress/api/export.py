"""A generator in the formats that runtimes read."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from torch import nn

from gancompress.api.inputs import inputs_of
from gancompress.batch import Batch, Input, InputSpec
from gancompress.errors import ExportError
from gancompress.exporters.executorch import run_executorch
from gancompress.exporters.formats import format_of, formats
from gancompress.exporters.network import Network
from gancompress.exporters.onnx import run_onnx
from gancompress.exporters.openvino import run_openvino
from gancompress.exporters.options import ExportOptions
from gancompress.exporters.program import Exported, Job
from gancompress.exporters.torch_export import run_pt2
from gancompress.student.file import Architecture, Student, save_student

#: What runs the files.
RUNTIMES: dict[str, Callable[..., Network]] = {
    ".onnx": run_onnx,
    ".pt2": run_pt2,
    ".xml": run_openvino,
    ".pte": run_executorch,
}


class Exportable(Protocol):
    """A generator that says what it is fed: a student, a teacher, ….

    Attributes:
        module: called with the inputs by name.
        inputs: what they are.
        fingerprint: names its weights.
    """

    @property
    def module(self) -> nn.Module | None: ...

    @property
    def inputs(self) -> InputSpec: ...

    @property
    def fingerprint(self) -> str: ...


def export(
    generator: nn.Module | Exportable,
    path: str | Path,
    *,
    inputs: Mapping[str, Input] | None = None,
    int8: Sequence[Batch] = (),
    held_out: Sequence[Batch] = (),
    options: ExportOptions | None = None,
) -> Exported:
    """Write a generator in a format that another runtime reads, checked against it.

    Args:
        generator: a module, a student or a white-box teacher; is neither changed nor moved.
        path: its ending names the format: ``.onnx``, ``.pt2``, ``.xml``, ``.pte`` (ExecuTorch);
            ``.fp16.onnx``, ``.int8.onnx`` or ``.int8.xml``; ``-python``, a folder of plain source
            of a built-in network. The file appears only when the format's own runtime has agreed
            with PyTorch on batches of 1, 2 and 5 samples, or on samples one by one. ``.mlpackage``
            (Core ML) is not run, as it only runs on Apple's systems.
        inputs: what it is fed, by the names of its arguments; by default its attribute ``inputs``.
        int8: batches of inputs to calibrate 8-bit integers with, which ``.onnx`` and ``.xml`` then
            hold. Differences of these are given, not refused.
        held_out: other batches, on which the difference of inexact formats is measured; by default
            the second half of ``int8``, which then does not calibrate.
        options: see :class:`gancompress.ExportOptions`; its ``formats`` and ``calibration`` are
            not looked at.

    Returns:
        The file, its bytes and its ``parity``: the difference measured.

    Raises:
        ExportError: another ending, or something that the format cannot say.
        ParityError: the outputs differ.
        MissingPackageError: the format's extra is not installed; names it.
    """
    how, name = options or ExportOptions(), _format(str(path), bool(int8))
    form = formats()[name]
    if form.calibrated and not held_out:
        if len(int8) < 2:
            raise ExportError(f"{path}: int8: give two batches of inputs at least")
        middle = len(int8) // 2
        int8, held_out = int8[:middle], int8[middle:]
    if isinstance(generator, nn.Module):
        module, spec, fingerprint = generator, inputs_of(generator, inputs, "gc.export"), ""
    elif not hasattr(generator, "module"):
        raise ExportError(
            f"gc.export: {type(generator).__name__}; give a module, a student or a teacher"
        )
    elif generator.module is None:
        raise ExportError("gc.export: a black box has no module that could be written")
    else:
        module, spec, fingerprint = generator.module, generator.inputs, generator.fingerprint
    job = Job(
        module,
        spec,
        Path(path),
        architecture=getattr(generator, "architecture", None) or Architecture(""),
        fingerprint=fingerprint,
        dynamic_size=how.dynamic_size,
        tolerance=how.tolerance,
        calibration=int8,
        held_out=held_out,
        min_psnr=how.min_psnr,
    )
    return form.write(job)


def _format(path: str, int8: bool) -> str:
    name = format_of(path)
    if not name:
        endings = ", ".join(form.ending for form in formats().values())
        raise ExportError(f"{path}: ends in none of {endings}")
    if int8 and not formats()[name].calibrated:
        name = f"{name}-int8"
        if name not in formats():
            raise ExportError(f"{path}: 8-bit integers are written as .onnx or .xml only")
    return name


def check_formats(endings: Sequence[str]) -> None:
    """Refuse endings of no format before anything is made.

    Raises:
        ExportError: naming the first of them.
    """
    for ending in endings:
        _format(f"student{ending}", int8=False)


def write_student(
    student: Student, folder: Path, formats: Sequence[str]
) -> tuple[dict[str, Path], dict[str, dict[str, float | None]]]:
    """Write ``student.safetensors`` and ``student.onnx``, ….

    Args:
        student: what is written.
        folder: is made.
        formats: endings.

    Returns:
        What was written, by what it is, and of each format its bytes and its difference; None
        where no runtime on this system could run it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = {"student": folder / "student.safetensors"}
    facts: dict[str, dict[str, float | None]] = {}
    save_student(student, files["student"])
    for ending in formats:
        written = export(student, folder / f"student{ending}")
        files[ending] = written.path
        parity = written.parity
        facts[ending] = {
            "bytes": written.size,
            "max_rel": parity.max_rel if parity.samples else None,
        }
    return files, facts


def load_exported(path: str | Path) -> Network:
    """A file of :func:`export` as a function of a batch, run by the format's own runtime.

    Args:
        path: ends in ``.onnx`` (ONNX Runtime), ``.pt2`` (PyTorch), ``.xml`` (OpenVINO) or ``.pte``
            (ExecuTorch).

    Returns:
        ``run(batch) -> output`` on the CPU.

    Raises:
        ExportError: another ending, no such file, or the runtime cannot read it.
        MissingPackageError: the format's extra is not installed; names it.
    """
    place = Path(path)
    if place.suffix not in RUNTIMES:
        raise ExportError(f"{path}: ends in none of {', '.join(RUNTIMES)}")
    return RUNTIMES[place.suffix](place)
