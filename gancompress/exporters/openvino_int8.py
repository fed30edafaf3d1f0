"""A student as an OpenVINO model in 8-bit integers, by NNCF's post-training quantisation."""

import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from gancompress.atomic import replacing
from gancompress.batch import Batch
from gancompress.errors import ExportError
from gancompress.exporters.network import select
from gancompress.exporters.openvino import OpenVINONetwork, run_openvino
from gancompress.exporters.packages import require
from gancompress.exporters.parity import measure_parity
from gancompress.exporters.program import Exported, quiet


def quantize_openvino(
    source: str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    calibration: Sequence[Batch],
    held_out: Iterable[Batch],
) -> Exported:
    """Write an INT8 form of the OpenVINO model ``source``.

    Args:
        source: the .xml written by :func:`gancompress.exporters.openvino.export_openvino`.
        path: of the new .xml; its .bin lies beside it.
        calibration: inputs as the student will meet them.
        held_out: other inputs, to compare on.

    Returns:
        The files' bytes, and the difference from ``source`` on ``held_out``.

    Raises:
        ExportError: there is no calibration batch, or NNCF cannot treat the model.
        MissingPackageError: the ``openvino`` extra is not installed.
    """
    nncf, openvino = require("nncf", "openvino"), require("openvino", "openvino")
    if not calibration:
        raise ExportError(f"{source}: INT8 needs calibration inputs, got none")
    reference = run_openvino(source)
    model = openvino.Core().read_model(source)
    names = [entry.get_any_name() for entry in model.inputs]
    feeds: list[Any] = [
        {name: value.numpy() for name, value in select(batch, names).items()}
        for batch in calibration
    ]
    try:
        with quiet():
            model = nncf.quantize(model, nncf.Dataset(feeds), subset_size=len(feeds))
    # NNCF raises whatever its treatment of one operator ran into.
    except Exception as error:
        raise ExportError(f"{source}: cannot be quantised to INT8: {error}") from error
    place, size = Path(path), 0
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / place.name
        openvino.save_model(model, made, compress_to_fp16=False)
        network = OpenVINONetwork(made, threads=0)
        parity = measure_parity(reference, network, held_out, subject="OpenVINO INT8 model")
        # The .xml comes last: where it is, the weights are.
        for suffix in (".bin", ".xml"):
            data = made.with_suffix(suffix).read_bytes()
            with replacing(place.with_suffix(suffix)) as temporary:
                temporary.write_bytes(data)
            size += len(data)
    return Exported(place, size, parity)
