"""A student as an ExecuTorch program (.pte) for phones, its layers computed by XNNPACK."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.export import ExportedProgram

from gancompress.atomic import replacing
from gancompress.batch import Batch, InputSpec
from gancompress.errors import ExportError
from gancompress.exporters.network import as_network, describe, described_inputs, refused, select
from gancompress.exporters.packages import require
from gancompress.exporters.parity import check_parity
from gancompress.exporters.program import (
    Exported,
    Job,
    first_line,
    frozen_copy,
    parity_batches,
    quiet,
    refuse_free_size,
    trace_program,
)

# A method of the program that answers with what gancompress says of it.
_DESCRIPTION = "gancompress"


class ExecuTorchNetwork:
    """A .pte program as a function of a batch of one, run by ExecuTorch's own runtime.

    Attributes:
        inputs: the input specification the file carries, in the order of the program's arguments.
        metadata: everything gancompress wrote into it.
    """

    def __init__(self, data: bytes) -> None:
        runtime = require("executorch.runtime", "executorch").Runtime.get()
        self._program = runtime.load_program(data)
        self._forward = self._program.load_method("forward")
        self.metadata: dict[str, str] = {}
        if _DESCRIPTION in self._program.method_names:
            (text,) = self._program.load_method(_DESCRIPTION).execute(())
            self.metadata = json.loads(text)
        self.inputs: InputSpec = described_inputs(self.metadata)

    def __call__(self, batch: Batch) -> Tensor:
        """The output for ``batch``, which is one sample; it may hold more tensors."""
        taken = select(batch, list(self.inputs))
        try:
            output: Tensor = self._forward.execute([taken[name].contiguous() for name in taken])[0]
        except RuntimeError as error:
            raise refused("ExecuTorch", taken, error) from error
        # A copy: ExecuTorch writes the next output into the same memory.
        return output.clone()


def run_executorch(path: str | os.PathLike[str]) -> ExecuTorchNetwork:
    """Open a .pte file that gancompress wrote.

    Raises:
        ExportError: no such file, or ExecuTorch cannot read it.
        MissingPackageError: ExecuTorch is not installed.
    """
    require("executorch.runtime", "executorch")
    if not Path(path).is_file():
        raise ExportError(f"{path}: no such file")
    try:
        return ExecuTorchNetwork(Path(path).read_bytes())
    except Exception as error:
        raise ExportError(f"{path}: ExecuTorch cannot read it: {error}") from error


def export_executorch(job: Job) -> Exported:
    """Write a module as a program for one sample at a time, of the size of its inputs.

    The program takes them in the order of ``job.inputs``; ``job.batches`` are of one sample each.

    Raises:
        TraceError: ``torch.export`` cannot follow the module.
        ExportError: an operator has no form in ExecuTorch, or ``dynamic_size``.
        ParityError: ExecuTorch's outputs differ.
        MissingPackageError: the ``executorch`` extra is not installed.
    """
    require("executorch.exir", "executorch")
    refuse_free_size(job, "ExecuTorch")
    frozen = frozen_copy(job.module, job.inputs)
    sizes = {"dynamic_batch": False, "dynamic_size": False}
    compared = [*parity_batches(frozen, job.inputs, **sizes), *job.batches]
    program = trace_program(frozen, job.inputs, **sizes)
    data = _converted(program, describe(job.inputs, job.fingerprint))
    network = ExecuTorchNetwork(data)
    parity = check_parity(
        as_network(frozen), network, compared, job.tolerance, subject="ExecuTorch program"
    )
    with replacing(job.path) as temporary:
        temporary.write_bytes(data)
    return Exported(job.path, len(data), parity)


def _converted(program: ExportedProgram, description: Mapping[str, str]) -> bytes:
    partitioner = require(
        "executorch.backends.xnnpack.partition.xnnpack_partitioner", "executorch"
    ).XnnpackPartitioner
    try:
        try:
            return _lowered(program, description, partitioner())
        except AssertionError:
            # Modulated convolutions make groups of operators that need each other's outputs
            # ("found dependency cycles"); operator by operator there are none.
            return _lowered(program, description, partitioner(per_op_mode=True))
    # The converter raises whatever its translation of one operator ran into.
    except Exception as error:
        raise ExportError(
            f"no ExecuTorch form: {first_line(error)}; export onnx instead"
        ) from error


def _lowered(program: ExportedProgram, description: Mapping[str, str], partitioner: Any) -> bytes:
    exir = require("executorch.exir", "executorch")
    with quiet(), torch.no_grad():
        lowered = exir.to_edge_transform_and_lower(
            program,
            partitioner=[partitioner],
            constant_methods={_DESCRIPTION: json.dumps(dict(description))},
        )
        return bytes(lowered.to_executorch().buffer)
