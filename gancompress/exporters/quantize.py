"""An exported student in 8-bit integers, and how far that takes it from the original."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gancompress.atomic import replacing
from gancompress.batch import Batch
from gancompress.errors import ExportError
from gancompress.exporters.network import select
from gancompress.exporters.onnx import OnnxNetwork, run_onnx
from gancompress.exporters.packages import require
from gancompress.exporters.parity import measure_parity
from gancompress.exporters.program import Exported, quiet


def quantize_onnx(
    source: str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    calibration: Iterable[Batch],
    held_out: Iterable[Batch],
) -> Exported:
    """Write an INT8 form of the ONNX file ``source``: weights per channel, activations per tensor.

    ONNX Runtime's static quantisation in the QDQ format: the ranges of the activations are the
    smallest and largest values that the ``calibration`` inputs cause. The result differs from the
    original visibly or not; it is for the caller to judge by the parity that is returned, measured
    on inputs that the calibration has not seen.

    Args:
        source: written by :func:`gancompress.exporters.onnx.export_onnx`.
        path: of the INT8 file; its inputs, outputs and metadata are those of ``source``.
        calibration: inputs as the student will meet them; some hundred samples are enough.
        held_out: other inputs, to compare on.

    Returns:
        The file, and its difference from ``source``; ``parity.psnr`` below some 30 dB is visible.

    Raises:
        ExportError: ``source`` cannot be read or quantised, or there is no calibration batch.
        ParityError: outputs are not finite.
        MissingPackageError: the ``onnx`` extra is not installed.
    """
    onnx = require("onnx", "onnx")
    reference = run_onnx(source)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "int8.onnx"
        _quantize(Path(source), made, list(calibration))
        model = onnx.load(made)
    # ONNX Runtime's quantiser drops what the file said about itself.
    onnx.helper.set_model_props(model, reference.metadata)
    onnx.checker.check_model(model, full_check=True)
    data = model.SerializeToString()
    parity = measure_parity(reference, OnnxNetwork(data, threads=0), held_out, subject="INT8 file")
    with replacing(path) as temporary:
        temporary.write_bytes(data)
    return Exported(Path(path), len(data), parity)


def _quantize(source: Path, made: Path, calibration: list[Batch]) -> None:
    quantization = require("onnxruntime.quantization", "onnx")
    shapes = require("onnxruntime.quantization.shape_inference", "onnx")
    if not calibration:
        raise ExportError(f"{source}: INT8 needs calibration inputs, got none")
    prepared = made.with_name("prepared.onnx")
    reader = _Calibration(calibration, run_onnx(source).names)
    try:
        with quiet():
            # Fold constants and batch norms first, so that what is left is what will be computed.
            shapes.quant_pre_process(source, prepared, skip_symbolic_shape=True)
            quantization.quantize_static(
                prepared,
                made,
                reader,
                quant_format=quantization.QuantFormat.QDQ,
                activation_type=quantization.QuantType.QUInt8,
                weight_type=quantization.QuantType.QInt8,
                per_channel=True,
            )
    # The quantiser raises whatever its treatment of one operator ran into.
    except Exception as error:
        raise ExportError(f"{source}: cannot be quantised to INT8: {error}") from error


class _Calibration:
    """Batches one after another, as ONNX Runtime's ``CalibrationDataReader`` is asked for them."""

    def __init__(self, batches: Iterable[Batch], names: list[str]) -> None:
        self._feeds = iter([select(batch, names) for batch in batches])

    def get_next(self) -> dict[str, Any] | None:
        batch = next(self._feeds, None)
        return None if batch is None else {name: value.numpy() for name, value in batch.items()}
