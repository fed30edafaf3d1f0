"""How a forward pass is watched: every operator as it is executed, and the line it comes from."""

import linecache
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses import FakeTensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from gancompress.supernet.axes import Source

# Where code is not the user's.
LIBRARY = (str(Path(torch.__file__).parent) + os.sep, str(Path(__file__).parent) + os.sep, "<")
# Operators that have no result to look at.
_SILENT = {"prim::device", "prim::layout"}
# Operators that come and go with caches and memory layouts, and names that do.
_UNCOUNTED = {"aten::detach", "aten::alias", "aten::lift_fresh", "aten::clone"}
_RESHAPES = {"aten::_unsafe_view", "aten::_reshape_alias"}


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Shows every executed operator to ``observe(func, args, kwargs, out)``."""

    def __init__(self, observe: Callable[[Any, Sequence[Any], Mapping[str, Any], Any], None]):
        super().__init__()  # type: ignore[no-untyped-call]
        self._observe = observe

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func._schema.name == "aten::native_batch_norm" and isinstance(args[0], FakeTensor):
            out = _fake_batch_norm(*args)
        else:
            out = func(*args, **(kwargs or {}))
        if func._schema.name not in _SILENT:
            self._observe(func, args, kwargs or {}, out)
        return out


class InstanceNorms(TorchFunctionMode):
    """Shows the results of instance normalisations, which are batch normalisations further down."""

    def __init__(self, observe: Callable[[Tensor], None]) -> None:
        super().__init__()
        self._observe = observe

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if getattr(func, "__name__", "") == "instance_norm":
            self._observe(out)
        return out


def _fake_batch_norm(source: Tensor, *rest: Any) -> tuple[Tensor, Tensor, Tensor]:
    """What batch normalisation returns, as to shapes; PyTorch's own way there takes as long as
    all other operators of a network together."""
    size = source.shape[1] if rest[4] else 0
    return torch.empty_like(source), source.new_empty(size), source.new_empty(size)


def is_counted(func: Any) -> bool:
    """Whether an operator belongs to the sequence that every run of a module must repeat."""
    return func._schema.name not in _UNCOUNTED


def counted_name(func: Any) -> str:
    """The name by which an operator is compared; the kinds of ``view`` are one."""
    return "aten.view.default" if func._schema.name in _RESHAPES else str(func)


def user_line() -> Source | None:
    """The line of the innermost frame that is neither torch's nor this package's."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code is not run_module.__code__:
        file = frame.f_code.co_filename
        if not file.startswith(LIBRARY):
            text = linecache.getline(file, frame.f_lineno).strip()
            return Source(file, frame.f_lineno, text)
        frame = frame.f_back
    return None


def run_module(
    module: nn.Module,
    tensors: Mapping[str, Tensor],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    mode: Recorder,
) -> Any:
    """One forward pass of ``module`` with ``tensors`` in place of its own, under ``mode``."""
    with torch.no_grad(), mode:
        return torch.func.functional_call(module, dict(tensors), tuple(args), dict(kwargs))
