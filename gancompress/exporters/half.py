"""An exported student in 16-bit floats: half the bytes, for runtimes that compute in them."""

import os
from collections.abc import Iterable
from pathlib import Path

from gancompress.atomic import replacing
from gancompress.batch import Batch
from gancompress.errors import ExportError
from gancompress.exporters.onnx import OnnxNetwork, run_onnx
from gancompress.exporters.packages import require
from gancompress.exporters.parity import check_parity
from gancompress.exporters.program import Exported, quiet


def halve_onnx(
    source: str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    held_out: Iterable[Batch],
    tolerance: float = 2e-2,
) -> Exported:
    """Write a 16-bit form of the ONNX file ``source``; inputs and outputs stay 32-bit.

    Args:
        source: written by :func:`gancompress.exporters.onnx.export_onnx`.
        path: of the new file.
        held_out: inputs to compare on.
        tolerance: largest difference that passes, as a share of the output range: some ten
            roundings of 2⁻¹¹ each.

    Raises:
        ExportError: ``source`` cannot be converted.
        ParityError: the outputs differ by more, as where values exceed the range of 16 bits.
        MissingPackageError: the ``onnx`` extra is not installed.
    """
    onnx = require("onnx", "onnx")
    float16 = require("onnxruntime.transformers.float16", "onnx")
    reference = run_onnx(source)
    try:
        with quiet():
            model = float16.convert_float_to_float16(onnx.load(source), keep_io_types=True)
            onnx.helper.set_model_props(model, reference.metadata)
            data = model.SerializeToString()
            made = OnnxNetwork(data, threads=0)
    # The converter and the runtime raise whatever one operator ran into.
    except Exception as error:
        raise ExportError(f"{source}: has no 16-bit form: {error}") from error
    parity = check_parity(reference, made, held_out, tolerance, subject="16-bit ONNX file")
    with replacing(path) as temporary:
        temporary.write_bytes(data)
    return Exported(Path(path), len(data), parity)
