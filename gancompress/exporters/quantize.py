"""An exported student in 8-bit integers that keeps its quality: costly layers are left in float."""

import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from gancompress.atomic import replacing
from gancompress.batch import Batch
from gancompress.errors import ExportError
from gancompress.exporters.float_layers import Quantized, layers_to_quantise
from gancompress.exporters.network import select
from gancompress.exporters.onnx import OnnxNetwork, run_onnx
from gancompress.exporters.packages import require
from gancompress.exporters.parity import Parity, measure_parity
from gancompress.exporters.program import quiet

# What is computed in integers. Norms, sums and activation functions between them are cheap, and an
# instance norm over rounded values loses what it should scale.
OPERATORS = ("Conv", "ConvTranspose", "Gemm", "MatMul")


def quantize_onnx(
    source: str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    calibration: Iterable[Batch],
    held_out: Iterable[Batch],
    min_psnr: float = 0.0,
    typical: Iterable[Batch] = (),
) -> Quantized:
    """Write an INT8 form of the ONNX file ``source``: weights per channel, activations per tensor.

    The ranges of the activations are the smallest and largest values that the ``calibration``
    inputs cause; convolutions and products of matrices are computed in integers (QDQ format). Where
    that misses ``min_psnr``, the layers are quantised one by one to see what each costs, and as few
    of the costliest as will do are left in float.

    Args:
        source: written by :func:`gancompress.exporters.onnx.export_onnx`.
        path: of the INT8 file; its inputs, outputs and metadata are those of ``source``.
        calibration: inputs as the student will meet them; some hundred samples are enough.
        held_out: other inputs, to compare on.
        min_psnr: in dB against ``source``; 0: quantise every layer.
        typical: inputs on which ``min_psnr`` has to hold; by default those of the calibration.

    Returns:
        The file, and its difference from ``source`` on ``held_out``; ``parity.psnr`` below some
        30 dB is visible.

    Raises:
        ExportError: ``source`` cannot be read or quantised, there is no calibration batch, or
            ``min_psnr`` cannot be had with any layer in integers.
        ParityError: outputs are not finite.
        MissingPackageError: the ``onnx`` extra is not installed.
    """
    onnx = require("onnx", "onnx")
    reference = run_onnx(source)
    batches = list(calibration)
    if not batches:
        raise ExportError(f"{source}: INT8 needs calibration inputs, got none")
    with tempfile.TemporaryDirectory() as folder, quiet():
        quantizer = _Quantizer(
            Path(source),
            Path(folder),
            calibration=batches,
            typical=list(typical) or batches,
            reference=reference,
        )
        layers, kept = layers_to_quantise(quantizer, min_psnr, Path(source))
        model = quantizer.quantized(layers)
    # ONNX Runtime's quantiser drops what the file said about itself.
    onnx.helper.set_model_props(model, reference.metadata)
    onnx.checker.check_model(model, full_check=True)
    data = model.SerializeToString()
    parity = measure_parity(reference, OnnxNetwork(data, threads=0), held_out, subject="INT8 file")
    with replacing(path) as temporary:
        temporary.write_bytes(data)
    return Quantized(Path(path), len(data), parity, layers=len(layers), kept=tuple(kept))


class _Quantizer:
    """Quantises any of the layers of one file, with ranges that are gathered once."""

    def __init__(
        self,
        source: Path,
        folder: Path,
        calibration: Sequence[Batch],
        typical: Sequence[Batch],
        reference: OnnxNetwork,
    ) -> None:
        onnx = require("onnx", "onnx")
        shapes = require("onnxruntime.quantization.shape_inference", "onnx")
        self.reference, self.calibration = reference, calibration
        self.typical: Sequence[Batch] = typical
        prepared = folder / "prepared.onnx"
        try:
            # Fold constants and batch norms first: what is left is what will be computed.
            shapes.quant_pre_process(source, prepared, skip_symbolic_shape=True)
            self._ranges = self._gathered(prepared, folder)
        # The quantiser raises whatever its treatment of one operator ran into.
        except Exception as error:
            if isinstance(error, ExportError) or type(error).__module__.startswith("gancompress"):
                raise
            raise ExportError(f"{source}: cannot be quantised to INT8: {error}") from error
        self._model = onnx.load(prepared)
        self.layers = [n.name for n in self._model.graph.node if n.op_type in OPERATORS]

    def _gathered(self, prepared: Path, folder: Path) -> Any:
        calibrate = require("onnxruntime.quantization.calibrate", "onnx")
        calibrator = calibrate.create_calibrator(
            prepared, list(OPERATORS), str(folder / "augmented.onnx")
        )
        calibrator.collect_data(_Calibration(self.calibration, self.reference.names))
        return calibrator.compute_data()

    def quantized(self, layers: Sequence[str]) -> Any:
        """The model with ``layers`` in integers."""
        quantization = require("onnxruntime.quantization", "onnx")
        qdq = require("onnxruntime.quantization.qdq_quantizer", "onnx")
        onnx = require("onnx", "onnx")
        model = onnx.ModelProto()
        model.CopyFrom(self._model)
        if not layers:
            return model
        quantizer = qdq.QDQQuantizer(
            model,
            per_channel=True,
            reduce_range=False,
            weight_qType=quantization.QuantType.QInt8,
            activation_qType=quantization.QuantType.QUInt8,
            tensors_range=self._ranges,
            nodes_to_quantize=list(layers),
            nodes_to_exclude=[],
            op_types_to_quantize=list(OPERATORS),
            extra_options={},
        )
        quantizer.quantize_model()
        quantizer.model.topological_sort()
        return quantizer.model.model

    def psnr(self, layers: Sequence[str], batches: Sequence[Batch]) -> float:
        """In dB, with ``layers`` in integers, on ``batches``."""
        data = self.quantized(layers).SerializeToString()
        parity: Parity = measure_parity(
            self.reference, OnnxNetwork(data, threads=0), batches, subject="INT8 file"
        )
        return parity.psnr


class _Calibration:
    """Batches one after another, as ONNX Runtime's ``CalibrationDataReader`` is asked for them."""

    def __init__(self, batches: Iterable[Batch], names: list[str]) -> None:
        self._feeds = iter([select(batch, names) for batch in batches])

    def get_next(self) -> dict[str, Any] | None:
        """The next batch as arrays, None after the last."""
        batch = next(self._feeds, None)
        return None if batch is None else {name: value.numpy() for name, value in batch.items()}
