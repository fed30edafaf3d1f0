"""How a forward pass is watched: every operator as it is executed, and the line it comes from."""

import linecache
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch._subclasses import FakeTensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from gancompress.supernet.axes import Source
from gancompress.supernet.substitute import call_with

# Where code is not the user's.
LIBRARY = (str(Path(torch.__file__).parent) + os.sep, str(Path(__file__).parent) + os.sep, "<")
# Operators that have no result to look at.
_SILENT = {"prim::device", "prim::layout"}
_ATEN = torch.ops.aten
# Functions that are shown as one operator: with a tensor of inputs, and with packed sequences
# (whose weights come fourth).
_WHOLE: dict[str, tuple[Any, Any]] = {
    "lstm": (_ATEN.lstm.input, _ATEN.lstm.data),
    "gru": (_ATEN.gru.input, _ATEN.gru.data),
    "rnn_tanh": (_ATEN.rnn_tanh.input, _ATEN.rnn_tanh.data),
    "rnn_relu": (_ATEN.rnn_relu.input, _ATEN.rnn_relu.data),
    "bilinear": (_ATEN.bilinear.default, _ATEN.bilinear.default),
}
# Ways of a tensor out of PyTorch.
_LEAVING = {"numpy", "__array__", "tolist"}
# Operators that come and go with caches and memory layouts, and names that do.
_UNCOUNTED = {"aten::detach", "aten::alias", "aten::lift_fresh", "aten::clone"}
_RESHAPES = {"aten::_unsafe_view", "aten::_reshape_alias"}
# Operators on floating-point numbers whose results are like their operands, if these are alike.
_ELEMENTWISE = {
    f"aten::{name}"
    for name in ("add", "sub", "mul", "div", "relu", "leaky_relu", "elu", "silu", "gelu", "tanh")
}


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Shows every executed operator to ``observe(func, args, kwargs, out)``.

    Of operators that change the shape of their operand in place (``unsqueeze_``) the operand is
    shown as it was before.
    """

    def __init__(self, observe: Callable[[Any, Sequence[Any], Mapping[str, Any], Any], None]):
        super().__init__()  # type: ignore[no-untyped-call]
        self._observe = observe
        self.muted = False

    @contextmanager
    def mute(self) -> Iterator[None]:
        """Operators that are executed meanwhile are not shown."""
        self.muted = True
        try:
            yield
        finally:
            self.muted = False

    def show(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> None:
        """Show an operator that somebody else has executed."""
        self._observe(func, args, kwargs, out)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if _is_composite(func):
            # Under torch.inference_mode() nothing above has taken such operators apart.
            with self:
                return func.decompose(*args, **(kwargs or {}))
        shown = args
        if torch.Tag.inplace_view in func.tags:
            shown = (args[0].detach(), *args[1:])
        out: Any
        if func._schema.name == "aten::native_batch_norm" and _is_shape(args[0]):
            out = _fake_batch_norm(*args)
        elif _is_elementwise(func, args):
            out = args[0] if func._schema.is_mutable else torch.empty_like(args[0])
        else:
            out = func(*args, **(kwargs or {}))
        if not self.muted and func._schema.name not in _SILENT:
            self._observe(func, shown, kwargs or {}, out)
        return out


class Watcher(Protocol):
    """What is told of events that are no operators."""

    def note_normalised(self, out: Tensor) -> None:
        """An instance normalisation made ``out``."""

    def note_leaving(self, tensor: Tensor, how: str) -> None:
        """``tensor`` goes to where no operator is seen."""


class Functions(TorchFunctionMode):
    """Shows what can only be told above the level of ATen's operators.

    Instance normalisations are batch normalisations further down, and what NumPy does is no
    operator at all: ``watcher`` is told of both. The operators in :data:`_WHOLE` are shown as one
    each: recurrent layers would be one sequence of operators for every step of time, or one that
    differs from device to device.
    """

    def __init__(self, recorder: Recorder, watcher: Watcher | None) -> None:
        super().__init__()
        self._recorder, self._watcher = recorder, watcher

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        if name in _WHOLE and not self._recorder.muted:
            with self._recorder.mute():
                out = func(*args, **(kwargs or {}))
            overload = _WHOLE[name][int(len(args) > 3 and isinstance(args[3], (list, tuple)))]
            self._recorder.show(overload, args, kwargs or {}, out)
            return out
        if name in _LEAVING and self._watcher is not None:
            self._watcher.note_leaving(args[0], name)
        out = func(*args, **(kwargs or {}))
        if name == "instance_norm" and self._watcher is not None:
            self._watcher.note_normalised(out)
        return out


@cache
def _is_composite(func: Any) -> bool:
    """Whether an operator is only a program of others."""
    if func._schema.name in _SILENT:
        return False
    has_kernel = torch._C._dispatch_has_kernel_for_dispatch_key
    name = func.name()
    return bool(has_kernel(name, "CompositeImplicitAutograd") and not has_kernel(name, "CPU"))


def _is_elementwise(func: Any, args: Sequence[Any]) -> bool:
    """Whether the result on the meta device is like the first operand, which PyTorch takes half a
    millisecond to find out."""
    if func._schema.name.removesuffix("_") not in _ELEMENTWISE or not args[0].is_meta:
        return False
    first, *others = args
    return bool(first.is_floating_point()) and all(
        (other.shape, other.dtype, other.stride()) == (first.shape, first.dtype, first.stride())
        if isinstance(other, Tensor)
        else isinstance(other, (int, float))
        for other in others
    )


def _is_shape(tensor: Tensor) -> bool:
    return tensor.is_meta or isinstance(tensor, FakeTensor)


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
    tensors: dict[str, Tensor],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    mode: Recorder,
) -> Any:
    """One forward pass of ``module`` with ``tensors`` in place of its own, under ``mode``."""
    with torch.no_grad(), mode:
        return call_with(module, tensors, args, kwargs)
