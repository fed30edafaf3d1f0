"""A generator in the formats that runtimes read."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from torch import nn

from gancompress.api.inputs import inputs_of
from gancompress.batch import Batch, Input
from gancompress.errors import ExportError
from gancompress.exporters.formats import FORMATS, Job
from gancompress.exporters.network import Network
from gancompress.exporters.onnx import run_onnx
from gancompress.exporters.openvino import run_openvino
from gancompress.exporters.program import Exported
from gancompress.exporters.torch_export import run_pt2
from gancompress.student.file import Student

#: Formats by the ending of the file.
ENDINGS = {".onnx": "onnx", ".pt2": "pt2", ".xml": "openvino"}

#: What runs the files.
RUNTIMES: dict[str, Callable[..., Network]] = {
    ".onnx": run_onnx,
    ".pt2": run_pt2,
    ".xml": run_openvino,
}


def export(
    generator: nn.Module | Student,
    path: str | Path,
    *,
    inputs: Mapping[str, Input] | None = None,
    dynamic_size: bool = False,
    int8: Sequence[Batch] = (),
    min_psnr: float = 36.0,
    tolerance: float = 1e-4,
) -> Exported:
    """Write a generator as ONNX, ``torch.export`` program or OpenVINO model, checked against it.

    Args:
        generator: is neither changed nor moved.
        path: ends in ``.onnx``, ``.pt2`` or ``.xml``; the file appears only when the format's own
            runtime has agreed with PyTorch on batches of 1, 2 and 5 samples.
        inputs: what it is fed, by the names of its arguments; by default its attribute ``inputs``.
        dynamic_size: accept images of any height and width.
        int8: batches of inputs to calibrate 8-bit integers with (``.onnx`` and ``.xml``): the first
            half gives the ranges, the other is what the difference is measured on.
        min_psnr: least PSNR of 8-bit ONNX in dB; as few layers as will do stay in float; 0: every
            layer in integers, whatever comes out.
        tolerance: largest difference that passes, as a share of the output range; 8-bit integers
            are not held to it, their difference is told.

    Returns:
        The file, its bytes and its ``parity``: the difference measured.

    Raises:
        ExportError: another ending, or something that the format cannot say.
        ParityError: the outputs differ.
        MissingPackageError: the format's extra is not installed; names it.
    """
    place = Path(path)
    name = ENDINGS.get(place.suffix)
    if name is None:
        raise ExportError(f"{path}: ends in none of {', '.join(ENDINGS)}")
    if int8:
        name = f"{name}-int8"
        if name not in FORMATS:
            raise ExportError(f"{path}: 8-bit integers are written as .onnx or .xml only")
        if len(int8) < 2:
            raise ExportError(f"{path}: int8: give two batches of inputs at least")
    if isinstance(generator, Student):
        module, spec, fingerprint = generator.module, generator.inputs, generator.fingerprint
    else:
        module, spec, fingerprint = generator, inputs_of(generator, inputs, "gc.export"), ""
    middle = len(int8) // 2
    job = Job(
        module,
        spec,
        place,
        fingerprint=fingerprint,
        dynamic_size=dynamic_size,
        tolerance=tolerance,
        calibration=int8[:middle],
        held_out=int8[middle:],
        min_psnr=min_psnr,
    )
    return FORMATS[name].write(job)


def load_exported(path: str | Path) -> Network:
    """A file of :func:`export` as a function of a batch, run by the format's own runtime.

    Args:
        path: ends in ``.onnx`` (ONNX Runtime), ``.pt2`` (PyTorch) or ``.xml`` (OpenVINO).

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
