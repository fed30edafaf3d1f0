"""A student as an OpenVINO model (.xml and .bin), checked against PyTorch through OpenVINO."""

import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gancompress.atomic import replacing
from gancompress.batch import Batch, InputSpec
from gancompress.errors import ExportError
from gancompress.exporters.network import as_network, describe, described_inputs, refused, select
from gancompress.exporters.onnx import export_onnx
from gancompress.exporters.packages import require
from gancompress.exporters.parity import check_parity
from gancompress.exporters.program import Exported, Job, first_line, frozen_copy, parity_batches


class OpenVINONetwork:
    """An OpenVINO model as a function of a batch, run on the CPU in float32.

    Attributes:
        inputs: the input specification the file carries; empty for a file made elsewhere.
        metadata: what gancompress wrote into the file.
    """

    def __init__(self, path: Path, threads: int) -> None:
        core = require("openvino", "openvino").Core()
        model = core.read_model(path)
        self.metadata: dict[str, str] = {}
        for name in describe({}, ""):
            if model.has_rt_info(name.split(".")):
                self.metadata[name] = model.get_rt_info(name.split(".")).astype(str)
        self.inputs: InputSpec = described_inputs(self.metadata)
        settings: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "f32"}
        if threads:
            settings["INFERENCE_NUM_THREADS"] = threads
        self._compiled = core.compile_model(model, "CPU", settings)
        self._names = [entry.get_any_name() for entry in self._compiled.inputs]

    def __call__(self, batch: Batch) -> Tensor:
        """The first output for ``batch``; it may hold more tensors than the file takes."""
        taken = select(batch, self._names)
        try:
            output = self._compiled({name: taken[name].numpy() for name in taken})[0]
        except RuntimeError as error:
            raise refused("OpenVINO", taken, error) from error
        # A copy: OpenVINO writes the next output into the same memory.
        return torch.from_numpy(output.copy())


def run_openvino(path: str | os.PathLike[str], *, threads: int = 0) -> OpenVINONetwork:
    """Open an OpenVINO model.

    Args:
        path: of the .xml file; the .bin file lies beside it.
        threads: CPU threads; 0 leaves the choice to OpenVINO.

    Raises:
        ExportError: a file is missing, or OpenVINO cannot read it.
        MissingPackageError: OpenVINO is not installed.
    """
    require("openvino", "openvino")
    for file in (Path(path), Path(path).with_suffix(".bin")):
        if not file.is_file():
            raise ExportError(f"{file}: no such file")
    try:
        return OpenVINONetwork(Path(path), threads)
    except RuntimeError as error:
        raise ExportError(f"{path}: OpenVINO cannot read it: {error}") from error


def export_openvino(job: Job) -> Exported:
    """Write a module as ``path`` (.xml) and its weights, in float32, as a .bin beside it.

    The model is made from the ONNX form; checks and errors are those of
    :func:`gancompress.exporters.onnx.export_onnx`, and OpenVINO has to agree with PyTorch as well.
    """
    openvino = require("openvino", "openvino")
    path = job.path
    if path.suffix != ".xml":
        raise ExportError(f"{path}: OpenVINO models end in .xml")
    frozen = frozen_copy(job.module, job.inputs)
    compared = [*parity_batches(frozen, job.inputs, **job.free), *job.batches]
    with tempfile.TemporaryDirectory() as folder:
        onnx_file, made = Path(folder) / "student.onnx", Path(folder) / path.name
        export_onnx(replace(job, module=frozen, path=onnx_file, batches=compared))
        try:
            model = openvino.Core().read_model(onnx_file)
        # OpenVINO raises whatever its reading of one operator ran into.
        except RuntimeError as error:
            raise ExportError(
                f"no OpenVINO form: {first_line(error)}; export onnx instead"
            ) from error
        for name, value in describe(job.inputs, job.fingerprint).items():
            model.set_rt_info(value, name.split("."))
        openvino.save_model(model, made, compress_to_fp16=False)
        parity = check_parity(
            as_network(frozen),
            OpenVINONetwork(made, threads=0),
            compared,
            job.tolerance,
            subject="OpenVINO model",
        )
        # The .xml comes last: where it is, the weights are.
        size = 0
        for suffix in (".bin", ".xml"):
            data = made.with_suffix(suffix).read_bytes()
            with replacing(path.with_suffix(suffix)) as temporary:
                temporary.write_bytes(data)
            size += len(data)
    return Exported(path, size, parity)
