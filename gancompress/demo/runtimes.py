"""What runs a student in the demo: PyTorch, or ONNX Runtime with numbers of 32 or of 8 bits."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from gancompress.batch import Batch
from gancompress.exporters.formats import FORMATS
from gancompress.exporters.network import Network, as_network
from gancompress.exporters.onnx import run_onnx
from gancompress.exporters.program import Job
from gancompress.student.file import Student

PYTORCH = "PyTorch"

#: Formats by the name of what runs them; PyTorch runs the student itself.
RUNTIMES = {
    PYTORCH: "",
    "ONNX Runtime": "onnx",
    "ONNX Runtime, 8-bit integers": "onnx-int8",
}

_PACKAGES = ("onnx", "onnxruntime", "onnxscript")


def runtimes(calibrated: bool) -> tuple[str, ...]:
    """The runtimes that can be had here; 8-bit integers need inputs to be ``calibrated`` by."""
    if any(find_spec(package) is None for package in _PACKAGES):
        return (PYTORCH,)
    return tuple(
        name
        for name, form in RUNTIMES.items()
        if not form or calibrated or not FORMATS[form].calibrated
    )


def file_of(stem: Path, runtime: str) -> Path:
    """Where the file of a student for ``runtime`` is, beside others of the same ``stem``."""
    form = RUNTIMES[runtime]
    return stem.with_name(stem.name + (FORMATS[form].ending if form else ".safetensors"))


def start(student: Student, runtime: str, calibration: Sequence[Batch], stem: Path) -> Network:
    """``student`` on ``runtime``, as a function of a batch.

    Args:
        student: in evaluation mode.
        runtime: a key of :data:`RUNTIMES`.
        calibration: two batches of inputs at least, for 8-bit integers.
        stem: of the path of the file that is written where the runtime needs one.

    Raises:
        ExportError: the format cannot hold it.
    """
    if runtime == PYTORCH:
        return as_network(student.module)
    file, middle = file_of(stem, runtime), len(calibration) // 2
    job = Job(
        student.module,
        student.inputs,
        file,
        fingerprint=student.fingerprint,
        calibration=calibration[:middle],
        held_out=calibration[middle:],
    )
    FORMATS[RUNTIMES[runtime]].write(job)
    return run_onnx(file)
