"""A student as a ``torch.export`` program (.pt2), run by PyTorch without the student's class."""

import io
import json
import os
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor
from torch.export import ExportedProgram

from gancompress.atomic import replacing
from gancompress.batch import Batch, InputSpec
from gancompress.errors import ExportError
from gancompress.exporters.network import as_network, describe, described_inputs, refused, select
from gancompress.exporters.parity import check_parity
from gancompress.exporters.program import (
    Exported,
    Job,
    frozen_copy,
    parity_batches,
    quiet,
    trace_program,
)

# Our own description within the archive.
_DESCRIPTION = "gancompress.json"


class ProgramNetwork:
    """A saved program as a function of a batch.

    Attributes:
        inputs: the input specification the file carries; empty for a file made elsewhere.
        metadata: everything gancompress wrote beside the program.
    """

    def __init__(self, program: ExportedProgram, metadata: Mapping[str, str]) -> None:
        self.metadata = dict(metadata)
        self.inputs: InputSpec = described_inputs(self.metadata)
        self._module = program.module()
        self._names = [str(name) for name in program.graph_signature.user_inputs]

    def __call__(self, batch: Batch) -> Tensor:
        """The output for ``batch``, without gradient; it may hold more tensors than are taken."""
        taken = select(batch, self._names)
        try:
            with torch.no_grad():
                output: Tensor = self._module(**taken)
        except Exception as error:
            raise refused("the program", taken, error) from error
        return output


def run_pt2(path: str | os.PathLike[str]) -> ProgramNetwork:
    """Open a .pt2 file.

    A .pt2 file is a program, and PyTorch's loader may unpickle what it holds: open files of people
    whose code you would run. ``load_student`` has no such reservation.

    Raises:
        ExportError: no such file, or PyTorch cannot read it.
    """
    if not Path(path).is_file():
        raise ExportError(f"{path}: no such file")
    try:
        return _open(io.BytesIO(Path(path).read_bytes()))
    except Exception as error:
        raise ExportError(f"{path}: PyTorch cannot read it: {error}") from error


def export_pt2(job: Job) -> Exported:
    """Write a module as a program that ``torch.export.load`` and :func:`run_pt2` open.

    Checks and errors are those of :func:`gancompress.exporters.onnx.export_onnx`, with PyTorch
    running the saved program in the place of ONNX Runtime.
    """
    frozen = frozen_copy(job.module, job.inputs)
    compared = [*parity_batches(frozen, job.inputs, **job.free), *job.batches]
    program = trace_program(frozen, job.inputs, **job.free)
    # The notes on source lines name files and folders of this machine.
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)
    # Nor need everyone's copy hold the example that the module was traced with.
    program.example_inputs = None
    archive = io.BytesIO()
    description = json.dumps(describe(job.inputs, job.fingerprint))
    with quiet():
        torch.export.save(program, archive, extra_files={_DESCRIPTION: description})
    parity = check_parity(
        as_network(frozen), _open(archive), compared, job.tolerance, subject="pt2 file"
    )
    with replacing(job.path) as temporary:
        temporary.write_bytes(archive.getvalue())
    return Exported(job.path, len(archive.getvalue()), parity)


def _open(archive: io.BytesIO) -> ProgramNetwork:
    archive.seek(0)
    extra = {_DESCRIPTION: ""}
    with quiet():
        program = torch.export.load(archive, extra_files=extra)
    return ProgramNetwork(program, json.loads(extra[_DESCRIPTION] or "{}"))
