"""Every format that a student can be written in, by name, and what each needs."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from gancompress.exporters.coreml import export_coreml
from gancompress.exporters.executorch import export_executorch
from gancompress.exporters.half import halve_onnx
from gancompress.exporters.onnx import export_onnx
from gancompress.exporters.openvino import export_openvino
from gancompress.exporters.openvino_int8 import quantize_openvino
from gancompress.exporters.program import Exported, Job
from gancompress.exporters.python_folder import export_python
from gancompress.exporters.quantize import quantize_onnx
from gancompress.exporters.torch_export import export_pt2
from gancompress.resolve import installed


@dataclass(frozen=True)
class Format:
    """A format.

    Attributes:
        ending: of its files or folders.
        calibrated: it needs calibration inputs.
        write: makes the file.
    """

    ending: str
    calibrated: bool
    write: Callable[[Job], Exported]


def _onnx_int8(job: Job) -> Exported:
    with tempfile.TemporaryDirectory() as folder:
        exact = export_onnx(replace(job, path=Path(folder) / "exact.onnx"))
        return quantize_onnx(
            exact.path,
            job.path,
            calibration=job.calibration,
            held_out=job.held_out,
            min_psnr=job.min_psnr,
        )


def _onnx_fp16(job: Job) -> Exported:
    with tempfile.TemporaryDirectory() as folder:
        exact = export_onnx(replace(job, path=Path(folder) / "exact.onnx"))
        return halve_onnx(exact.path, job.path, held_out=job.held_out)


def _openvino_int8(job: Job) -> Exported:
    with tempfile.TemporaryDirectory() as folder:
        exact = export_openvino(replace(job, path=Path(folder) / "exact.xml"))
        return quantize_openvino(
            exact.path,
            job.path,
            calibration=job.calibration,
            held_out=job.held_out,
            min_psnr=job.min_psnr,
        )


#: Formats by the name that a recipe gives them.
FORMATS: dict[str, Format] = {
    "coreml": Format(".mlpackage", False, export_coreml),
    "executorch": Format(".pte", False, export_executorch),
    "onnx": Format(".onnx", False, export_onnx),
    "onnx-fp16": Format(".fp16.onnx", True, _onnx_fp16),
    "onnx-int8": Format(".int8.onnx", True, _onnx_int8),
    "openvino": Format(".xml", False, export_openvino),
    "openvino-int8": Format(".int8.xml", True, _openvino_int8),
    "pt2": Format(".pt2", False, export_pt2),
    "python": Format("-python", False, export_python),
}

# The group of entry points by which packages add formats.
GROUP = "gancompress.formats"


def format_of(path: str) -> str:
    """The name of the format with the longest ending that ``path`` has; empty: there is none."""
    fitting = [name for name, form in formats().items() if path.endswith(form.ending)]
    return max(fitting, key=lambda name: len(formats()[name].ending), default="")


def formats() -> dict[str, Format]:
    """All formats by name: those here, and those of installed packages."""
    return {**FORMATS, **{name: point.load() for name, point in installed(GROUP).items()}}
