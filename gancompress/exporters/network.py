"""A module or a file as a function of a batch: what exports are compared as."""

import json
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version

import torch
from torch import Tensor, nn

from gancompress.batch import Batch, Input, InputSpec, spec_from_json, spec_to_json
from gancompress.errors import DataError

Network = Callable[[Batch], Tensor]

INPUTS = "gancompress.inputs"


def as_network(module: nn.Module) -> Network:
    """``module`` as a function of a batch, without gradients; it should be in evaluation mode."""

    def run(batch: Batch) -> Tensor:
        with torch.no_grad():
            output: Tensor = module(**batch)
        return output

    return run


def select(batch: Batch, names: Sequence[str]) -> Batch:
    """The tensors that a file takes, on the CPU.

    Raises:
        DataError: the batch lacks one.
    """
    missing = [name for name in names if name not in batch]
    if missing:
        raise DataError(f"batch lacks {', '.join(missing)}; it has {', '.join(batch)}")
    return {name: batch[name].detach().cpu() for name in names}


def refused(runtime: str, batch: Batch, error: Exception) -> DataError:
    """The error of a ``runtime`` that did not accept the shapes of ``batch``."""
    shapes = ", ".join(f"{name} {tuple(value.shape)}" for name, value in batch.items())
    return DataError(f"{runtime} refuses the inputs {shapes}: {error}")


def describe(inputs: Mapping[str, Input], fingerprint: str) -> dict[str, str]:
    """What an exported file says about itself, as texts by name."""
    return {
        "gancompress.version": version("gancompress"),
        INPUTS: json.dumps(spec_to_json(inputs)),
        "gancompress.fingerprint": fingerprint,
    }


def described_inputs(metadata: Mapping[str, str]) -> InputSpec:
    """The input specification in what :func:`describe` made; empty for a file made elsewhere."""
    return spec_from_json(json.loads(metadata.get(INPUTS, "{}")))
