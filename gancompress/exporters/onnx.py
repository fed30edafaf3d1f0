"""A student as one ONNX file, checked against PyTorch through ONNX Runtime."""

import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.export import ExportedProgram

from gancompress.atomic import replacing
from gancompress.batch import Batch, Input, InputSpec
from gancompress.errors import ExportError
from gancompress.exporters.external_data import check_data, data_file, is_too_large, save_beside
from gancompress.exporters.network import as_network, describe, described_inputs, refused, select
from gancompress.exporters.packages import require
from gancompress.exporters.parity import check_parity
from gancompress.exporters.program import (
    Exported,
    Job,
    frozen_copy,
    parity_batches,
    quiet,
    trace_program,
)

OUTPUT = "output"


class OnnxNetwork:
    """An ONNX file as a function of a batch, run by ONNX Runtime.

    Attributes:
        inputs: the input specification the file carries; empty for a file made elsewhere.
        metadata: everything the file says about itself.
        names: of the inputs that the file takes.
    """

    def __init__(
        self, model: bytes | str, threads: int, providers: Sequence[str] = ("CPUExecutionProvider",)
    ) -> None:
        runtime = require("onnxruntime", "onnx")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self._session = runtime.InferenceSession(model, options, providers=list(providers))
        self.metadata = dict(self._session.get_modelmeta().custom_metadata_map)
        self.inputs: InputSpec = described_inputs(self.metadata)
        self.names = [entry.name for entry in self._session.get_inputs()]

    def __call__(self, batch: Batch) -> Tensor:
        """The first output for ``batch``; it may hold more tensors than the file takes."""
        taken = select(batch, self.names)
        try:
            outputs = self._session.run(None, {name: taken[name].numpy() for name in taken})
        except Exception as error:
            raise refused("ONNX Runtime", taken, error) from error
        return torch.from_numpy(outputs[0])


def run_onnx(
    path: str | os.PathLike[str],
    *,
    threads: int = 0,
    providers: Sequence[str] = ("CPUExecutionProvider",),
) -> OnnxNetwork:
    """Open an ONNX file with ONNX Runtime.

    Args:
        path: of the file.
        threads: CPU threads within one operator; 0 leaves the choice to ONNX Runtime.
        providers: where it runs, in ONNX Runtime's names, the first that is there.

    Raises:
        ExportError: no such file, ONNX Runtime cannot read it, or the weights beside it are not
            its own.
        TeacherError: it takes weights from elsewhere, or they are missing.
        MissingPackageError: ONNX Runtime is not installed.
    """
    require("onnxruntime", "onnx")
    if not Path(path).is_file():
        raise ExportError(f"{path}: no such file")
    check_data(path)
    try:
        return OnnxNetwork(os.fspath(path), threads, providers)
    except Exception as error:
        raise ExportError(f"{path}: ONNX Runtime cannot read it: {error}") from error


def export_onnx(job: Job) -> Exported:
    """Write a module as an ONNX file whose inputs are named as in a batch.

    The file is written only after ONNX's checker has accepted it and ONNX Runtime has agreed with
    PyTorch on batches of 1, 2 and 5 samples (and, with ``dynamic_size``, at another image size).
    Its metadata hold the input specification, the fingerprint and gancompress's version. It is
    self-contained, unless it would exceed 2 GB: then the weights are beside it, in ``….onnx.data``.

    Raises:
        TraceError: ``torch.export`` cannot follow the module, or a dimension is not free.
        ExportError: an operator has no ONNX form.
        ParityError: ONNX Runtime's outputs differ.
        MissingPackageError: the ``onnx`` extra is not installed.
    """
    onnx = require("onnx", "onnx")
    require("onnxscript", "onnx")
    require("onnxruntime", "onnx")
    inputs, path = job.inputs, job.path
    frozen = frozen_copy(job.module, inputs)
    compared = [*parity_batches(frozen, inputs, **job.free), *job.batches]
    # Convert.
    program = trace_program(frozen, inputs, **job.free)
    model = _convert(program, type(job.module).__name__)
    _name_dimensions(model, inputs)
    _strip_source_lines(model)
    onnx.helper.set_model_props(model, describe(inputs, job.fingerprint))
    # Check what will be written.
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / path.name
        if is_too_large(model):
            save_beside(model, made)
        else:
            made.write_bytes(model.SerializeToString())
        onnx.checker.check_model(made, full_check=True)
        parity = check_parity(
            as_network(frozen), run_onnx(made), compared, job.tolerance, subject="ONNX file"
        )
        return Exported(path, _put(made, path), parity)


def _put(made: Path, path: Path) -> int:
    """Move a file, and first the weights beside it, to its place; gives their bytes."""
    size = 0
    for source, target in ((data_file(made), data_file(path)), (made, path)):
        if source.is_file():
            size += source.stat().st_size
            with replacing(target) as temporary:
                shutil.move(source, temporary)
        else:  # of an earlier, larger one
            target.unlink(missing_ok=True)
    return size


def _convert(program: ExportedProgram, name: str) -> Any:
    try:
        with quiet():
            converted = torch.onnx.export(
                program, output_names=[OUTPUT], dynamo=True, verbose=False
            )
            assert converted is not None
            return converted.model_proto
    # The converter raises whatever its translation of one operator ran into.
    except Exception as error:
        raise ExportError(f"{name}: no ONNX form: {_culprit(error, program)}") from error


def _culprit(error: BaseException, program: ExportedProgram) -> str:
    """The operator that could not be translated, and the line of the module that it comes from."""
    reasons: list[str] = []
    place = ""
    cause: BaseException | None = error
    while cause is not None:
        lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
        reasons += lines[:1]
        node = re.search(r"translating node %(\w+)", str(cause))
        if node is not None:
            place = _source_line(program, node.group(1))
        cause = cause.__cause__
    return f"{place}{reasons[-1] if reasons else type(error).__name__}; export pt2 instead"


def _source_line(program: ExportedProgram, name: str) -> str:
    # The converter decomposes operators first: %bessel_j0 was aten.special_bessel_j0 in the module.
    operator = re.sub(r"_\d+$", "", name)
    for node in program.graph.nodes:
        if node.name == name or operator in str(node.target):
            lines = re.findall(r'File "(.+?)", line (\d+)', node.meta.get("stack_trace") or "")
            where = f" at {Path(lines[-1][0]).name}:{lines[-1][1]}" if lines else ""
            return f"operator {node.target}{where}: "
    return ""


def _name_dimensions(model: Any, inputs: Mapping[str, Input]) -> None:
    """Call free dimensions by what they are instead of torch.export's ``s20``."""
    names: dict[str, str] = {}
    for value in model.graph.input:
        if value.name not in inputs:
            raise ExportError(f"the graph has an input {value.name!r} that no batch has")
        for axis, dimension in enumerate(value.type.tensor_type.shape.dim):
            meaning = {0: "batch", 2: "height", 3: "width"}.get(axis)
            if dimension.dim_param and meaning:
                names.setdefault(dimension.dim_param, meaning)
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        for dimension in value.type.tensor_type.shape.dim:
            if dimension.dim_param:
                dimension.dim_param = re.sub(
                    r"\w+", lambda word: names.get(word[0], word[0]), dimension.dim_param
                )


def _strip_source_lines(model: Any) -> None:
    """Leave out the exporter's notes: they name files and folders of this machine."""
    for entry in (*model.graph.node, *model.graph.value_info, *model.graph.initializer):
        del entry.metadata_props[:]
        entry.doc_string = ""
    for value in (*model.graph.input, *model.graph.output):
        del value.metadata_props[:]
    del model.graph.metadata_props[:]
    for function in model.functions:
        del function.metadata_props[:]
        for node in function.node:
            del node.metadata_props[:]
