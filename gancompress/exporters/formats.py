"""Every format that a student can be written in, by name, and what each needs."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from gancompress.batch import Batch, Input
from gancompress.exporters.half import halve_onnx
from gancompress.exporters.onnx import export_onnx
from gancompress.exporters.openvino import export_openvino
from gancompress.exporters.openvino_int8 import quantize_openvino
from gancompress.exporters.program import Exported
from gancompress.exporters.quantize import quantize_onnx
from gancompress.exporters.torch_export import export_pt2


@dataclass(frozen=True)
class Job:
    """A generator to be written to a file.

    Attributes:
        module: is neither changed nor moved.
        inputs: what it is fed.
        path: of the file.
        fingerprint: of the student, so that the file can be told to be made from it.
        dynamic_size: accept images of any height and width.
        tolerance: largest difference of exact formats, as a share of the output range.
        calibration: inputs to take the ranges of 8-bit integers from.
        held_out: other inputs, on which the difference of inexact formats is measured.
        min_psnr: of 8-bit integers, in dB; 0: whatever comes out.
    """

    module: nn.Module
    inputs: Mapping[str, Input]
    path: Path
    fingerprint: str = ""
    dynamic_size: bool = False
    tolerance: float = 1e-4
    calibration: Sequence[Batch] = ()
    held_out: Sequence[Batch] = ()
    min_psnr: float = 0.0


@dataclass(frozen=True)
class Format:
    """A format.

    Attributes:
        ending: of its files.
        calibrated: it needs calibration inputs.
        write: makes the file.
    """

    ending: str
    calibrated: bool
    write: Callable[[Job], Exported]


def _exact(write: Callable[..., Exported]) -> Callable[[Job], Exported]:
    """The formats that hold the student's own numbers share their arguments."""

    def written(job: Job) -> Exported:
        return write(
            job.module,
            job.inputs,
            job.path,
            dynamic_size=job.dynamic_size,
            tolerance=job.tolerance,
            fingerprint=job.fingerprint,
        )

    return written


_onnx, _openvino, _pt2 = _exact(export_onnx), _exact(export_openvino), _exact(export_pt2)


def _onnx_int8(job: Job) -> Exported:
    with tempfile.TemporaryDirectory() as folder:
        exact = _onnx(replace(job, path=Path(folder) / "exact.onnx"))
        return quantize_onnx(
            exact.path,
            job.path,
            calibration=job.calibration,
            held_out=job.held_out,
            min_psnr=job.min_psnr,
        )


def _onnx_fp16(job: Job) -> Exported:
    with tempfile.TemporaryDirectory() as folder:
        exact = _onnx(replace(job, path=Path(folder) / "exact.onnx"))
        return halve_onnx(exact.path, job.path, held_out=job.held_out)


def _openvino_int8(job: Job) -> Exported:
    with tempfile.TemporaryDirectory() as folder:
        exact = _openvino(replace(job, path=Path(folder) / "exact.xml"))
        calibration, held_out = job.calibration, job.held_out
        return quantize_openvino(exact.path, job.path, calibration=calibration, held_out=held_out)


#: Formats by the name that a recipe gives them.
FORMATS: dict[str, Format] = {
    "onnx": Format(".onnx", False, _onnx),
    "onnx-fp16": Format(".fp16.onnx", True, _onnx_fp16),
    "onnx-int8": Format(".int8.onnx", True, _onnx_int8),
    "openvino": Format(".xml", False, _openvino),
    "openvino-int8": Format(".int8.xml", True, _openvino_int8),
    "pt2": Format(".pt2", False, _pt2),
}
