"""What a teacher is: a frozen function from named inputs to a tensor, white box or black.

Distillation needs no more of a teacher than inputs to feed it and what it answers; a white box
shows its module as well, so that its feature maps can be tapped.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from gancompress.batch import DRAWN, Batch, Input, InputSpec, batch_size, draw_inputs, spec_to_json
from gancompress.errors import TeacherError


class InputData(Protocol):
    """Rows of a data set by number: one sample's inputs by name, without the batch dimension."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Mapping[str, Tensor]: ...


@runtime_checkable
class PartedData(InputData, Protocol):
    """Rows that are already parted: first those of ``training`` samples, then of ``kept`` ones."""

    @property
    def training(self) -> int: ...

    @property
    def kept(self) -> int: ...


@runtime_checkable
class FrozenTeacher(Protocol):
    """A frozen generator, whatever stands behind it.

    Attributes:
        inputs: what it is fed.
        fingerprint: names the function it computes; pairs of one fingerprint may be mixed.
    """

    @property
    def inputs(self) -> InputSpec: ...

    @property
    def fingerprint(self) -> str: ...

    def sample_inputs(self, indices: Sequence[int], seed: int) -> Batch:
        """The inputs of the samples ``indices`` of the stream ``seed``, on the CPU.

        Sample *i* is the same whatever else is asked for, in any order.
        """
        ...

    def __call__(self, batch: Batch) -> Tensor:
        """The outputs for a batch of N samples: shape (N, ...), without gradient."""
        ...


class ModuleTeacher:
    """A white box: a module that is frozen, in evaluation mode, and open to taps.

    Args:
        module: called as ``module(**batch)``; it is put into evaluation mode and its parameters
            stop requiring gradients. Batches follow it to the device that it is on.
        inputs: what it is fed.
        data: rows for the inputs that cannot be drawn from a seed (images, label maps); sample *i*
            is row ``i % len(data)``, and what a row holds beside the inputs is left alone.
        assumptions: what its file did not show and was taken as published, a sentence each.
    """

    def __init__(
        self,
        module: nn.Module,
        inputs: Mapping[str, Input],
        data: InputData | None = None,
        assumptions: Sequence[str] = (),
    ) -> None:
        self.assumptions = tuple(assumptions)
        self.module = module.eval().requires_grad_(False)
        self.inputs: InputSpec = dict(inputs)
        self.data = data

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the architecture, every tensor and the inputs, taken when first asked for."""
        return fingerprint_of(self.module, self.inputs)

    def sample_inputs(self, indices: Sequence[int], seed: int) -> Batch:
        """See :meth:`FrozenTeacher.sample_inputs`."""
        return take_inputs(self.inputs, self.data, indices, seed)

    # Not inference mode: its tensors could not take part in a student's loss.
    @torch.no_grad()
    def __call__(self, batch: Batch) -> Tensor:
        """See :meth:`FrozenTeacher.__call__`; the outputs are on the module's device."""
        anchor = next(iter(self.module.parameters()), None)
        if anchor is not None:
            batch = {name: value.to(anchor.device) for name, value in batch.items()}
        return _checked(self.module(**batch), batch, type(self.module).__name__)


class CallableTeacher:
    """A black box: only a function.

    Args:
        function: maps a batch to a tensor of as many rows.
        inputs: what it is fed.
        fingerprint: names the function and its version; a function cannot be hashed, so change this
            whenever what it computes changes, and old pairs will not be mixed with new ones.
        data: as for :class:`ModuleTeacher`.
    """

    def __init__(
        self,
        function: Callable[[Batch], Tensor],
        inputs: Mapping[str, Input],
        fingerprint: str,
        data: InputData | None = None,
    ) -> None:
        self.function = function
        self.inputs: InputSpec = dict(inputs)
        self.fingerprint = fingerprint
        self.data = data

    def sample_inputs(self, indices: Sequence[int], seed: int) -> Batch:
        """See :meth:`FrozenTeacher.sample_inputs`."""
        return take_inputs(self.inputs, self.data, indices, seed)

    @torch.no_grad()
    def __call__(self, batch: Batch) -> Tensor:
        """See :meth:`FrozenTeacher.__call__`."""
        return _checked(self.function(batch), batch, self.fingerprint)


def take_inputs(
    inputs: Mapping[str, Input], data: InputData | None, indices: Sequence[int], seed: int
) -> Batch:
    """Draw the inputs that a seed determines and take the others from ``data``.

    Args:
        inputs: what is wanted.
        data: rows for the inputs of a kind that cannot be drawn, taken at ``index % len(data)``.
        indices: numbers of the samples.
        seed: of the drawn inputs.

    Raises:
        TeacherError: inputs that cannot be drawn are wanted and ``data`` does not hold them.
    """
    taken = [name for name, entry in inputs.items() if entry.kind not in DRAWN]
    if not taken:
        return draw_inputs(inputs, indices, seed)
    if data is None or len(data) == 0:
        raise TeacherError(
            f"teacher inputs {', '.join(taken)}: these come from a data set, and "
            f"{'none was given' if data is None else 'the one given is empty'}; "
            "give the teacher the images or label maps to answer for"
        )
    rows = [data[index % len(data)] for index in indices]
    drawn = {name: entry for name, entry in inputs.items() if name not in taken}
    batch = draw_inputs(drawn, indices, seed)
    for name in taken:
        batch[name] = _stack(name, inputs[name], rows, indices)
    return {name: batch[name] for name in inputs}


def _stack(
    name: str, entry: Input, rows: Sequence[Mapping[str, Tensor]], indices: Sequence[int]
) -> Tensor:
    values = []
    for row, index in zip(rows, indices, strict=True):
        if name not in row:
            raise TeacherError(
                f"data row {index}: has {', '.join(row) or 'nothing'}, "
                f"but the teacher wants {name!r}"
            )
        values.append(row[name])
        if values[-1].shape != values[0].shape:
            raise TeacherError(
                f"data row {index}: {name!r} is {tuple(values[-1].shape)}, others of the batch are "
                f"{tuple(values[0].shape)}; crop or resize the images to one size"
            )
    return torch.stack(values) if values else torch.zeros((0, *entry.shape))


def fingerprint_of(module: nn.Module, inputs: Mapping[str, Input]) -> str:
    """SHA-256 over the architecture of ``module``, its tensors and its inputs, in hexadecimal."""
    digest = hashlib.sha256()
    # Some modules print the functions they hold, with an address that changes from run to run.
    architecture = re.sub(r" at 0x[0-9a-fA-F]+", "", repr(module))
    digest.update(architecture.encode())
    digest.update(json.dumps(spec_to_json(inputs), sort_keys=True).encode())
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        raw = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        digest.update(raw.numpy().data)
    return digest.hexdigest()


def _checked(output: Tensor, batch: Batch, name: str) -> Tensor:
    if not isinstance(output, Tensor):
        raise TeacherError(
            f"teacher {name}: returned {type(output).__name__}; say which tensor of it is the "
            "answer (teacher.output in a recipe), or wrap it so that it returns one"
        )
    if output.ndim == 0 or output.shape[0] != batch_size(batch):
        raise TeacherError(
            f"teacher {name}: returned shape {tuple(output.shape)} for {batch_size(batch)} "
            "samples; the first dimension must be the samples"
        )
    return output
