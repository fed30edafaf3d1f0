"""A published program that makes a network, and what is asked of it."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from gancompress.batch import Batch

# The network, what its program saves of it, and its answer to our batch.
Built = tuple[nn.Module, Callable[[], Any], Callable[[Batch], Tensor]]


@dataclass(frozen=True)
class Program:
    """One published program.

    Attributes:
        folder: of its checkout; empty: it is an installed package.
        build: makes its network.
        settings: that its tensors do not show and the file's owner would give.
        stubs: modules that it imports and this comparison does not need, or packages of which it
            needs single modules.
        double: compare in double precision, where random layers let rounding grow.
    """

    folder: str
    build: Callable[[], Built]
    settings: dict[str, Any] = field(default_factory=dict)
    stubs: tuple[str, ...] = ()
    double: bool = False


def of(module: str, name: str, *arguments: Any, **named: Any) -> Callable[..., nn.Module]:
    return lambda: getattr(importlib.import_module(module), name)(*arguments, **named)


def plainly(make: Callable[..., nn.Module], *names: str) -> Built:
    """A program that saves a state dict and is called with these inputs in turn."""
    module = make()
    return module, module.state_dict, lambda batch: first(module(*(batch[n] for n in names)))


def first(output: Any) -> Tensor:
    return output if isinstance(output, Tensor) else output[0]
