"""A student as an OpenVINO model in 8-bit integers, by NNCF's post-training quantisation."""

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
from gancompress.exporters.openvino import OpenVINONetwork, run_openvino
from gancompress.exporters.packages import require
from gancompress.exporters.parity import measure_parity
from gancompress.exporters.program import quiet

# What is computed in integers.
OPERATORS = (
    "Convolution",
    "ConvolutionBackpropData",
    "GroupConvolution",
    "GroupConvolutionBackpropData",
    "MatMul",
)


def quantize_openvino(
    source: str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    calibration: Sequence[Batch],
    held_out: Iterable[Batch],
    min_psnr: float = 0.0,
) -> Quantized:
    """Write an INT8 form of the OpenVINO model ``source``.

    Where NNCF's own choice misses ``min_psnr``, every layer is quantised by itself to see what it
    costs, and as few of the costliest as will do are left in float.

    Args:
        source: the .xml written by :func:`gancompress.exporters.openvino.export_openvino`.
        path: of the new .xml; its .bin lies beside it.
        calibration: inputs as the student will meet them.
        held_out: other inputs, to compare on.
        min_psnr: in dB against ``source`` on the inputs of the calibration; 0: every layer that
            NNCF would quantise.

    Returns:
        The files' bytes, and the difference from ``source`` on ``held_out``.

    Raises:
        ExportError: there is no calibration batch, NNCF cannot treat the model, or ``min_psnr``
            cannot be had.
        MissingPackageError: the ``openvino`` extra is not installed.
    """
    openvino = require("openvino", "openvino")
    if not calibration:
        raise ExportError(f"{source}: INT8 needs calibration inputs, got none")
    with tempfile.TemporaryDirectory() as folder:
        quantizer = _Quantizer(Path(source), Path(folder), calibration)
        layers, kept = layers_to_quantise(quantizer, min_psnr, Path(source))
        model = quantizer.quantized(layers)
    place, size = Path(path), 0
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / place.name
        openvino.save_model(model, made, compress_to_fp16=False)
        network = OpenVINONetwork(made, threads=0)
        parity = measure_parity(
            quantizer.reference, network, held_out, subject="OpenVINO INT8 model"
        )
        # The .xml comes last: where it is, the weights are.
        for suffix in (".bin", ".xml"):
            data = made.with_suffix(suffix).read_bytes()
            with replacing(place.with_suffix(suffix)) as temporary:
                temporary.write_bytes(data)
            size += len(data)
    return Quantized(place, size, parity, layers=len(layers), kept=tuple(kept))


class _Quantizer:
    """Quantises any of the layers of one model; see :class:`Quantizer`."""

    def __init__(self, source: Path, folder: Path, calibration: Sequence[Batch]) -> None:
        self.reference = run_openvino(source)
        self.typical: Sequence[Batch] = calibration
        self._source, self._made = source, folder / "tried.xml"
        model = self._read()
        names = [entry.get_any_name() for entry in model.inputs]
        self._feeds: list[Any] = [
            {name: value.numpy() for name, value in select(batch, names).items()}
            for batch in calibration
        ]
        self.layers: Sequence[str] = [
            node.get_friendly_name()
            for node in model.get_ordered_ops()
            if node.get_type_name() in OPERATORS
        ]

    def _read(self) -> Any:
        return require("openvino", "openvino").Core().read_model(self._source)

    def quantized(self, layers: Sequence[str]) -> Any:
        """The model with ``layers`` in integers, and no others of these operators."""
        nncf = require("nncf", "openvino")
        ignored = [name for name in self.layers if name not in set(layers)]
        scope = nncf.IgnoredScope(names=ignored) if ignored else None
        try:
            with quiet():
                return nncf.quantize(
                    self._read(),
                    nncf.Dataset(self._feeds),
                    subset_size=len(self._feeds),
                    ignored_scope=scope,
                )
        # NNCF raises whatever its treatment of one operator ran into.
        except Exception as error:
            raise ExportError(f"{self._source}: cannot be quantised to INT8: {error}") from error

    def psnr(self, layers: Sequence[str], batches: Sequence[Batch]) -> float:
        """In dB, with ``layers`` in integers, on ``batches``."""
        openvino = require("openvino", "openvino")
        openvino.save_model(self.quantized(layers), self._made, compress_to_fp16=False)
        made = OpenVINONetwork(self._made, threads=0)
        return measure_parity(self.reference, made, batches, subject="OpenVINO INT8 model").psnr
