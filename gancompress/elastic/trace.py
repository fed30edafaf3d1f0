"""One walk along a forward pass: what every operator does to the axes of its tensors.

The module runs once on fake tensors (shapes without data) under a ``TorchDispatchMode`` that sees
every ATen operator as it is executed. That is the level below autograd, Python and module classes,
so loops, hooks, parametrisations, custom autograd functions and keyword arguments need no care,
and it is the level at which ``FlopCounterMode`` counts. ``torch.export`` would give the same
operators as a graph, but refuses much that merely runs, takes seconds instead of tenths, and hides
which of the module's own Python numbers the run depended on; here a subnet is checked by walking
it as well and comparing operator by operator (:mod:`gancompress.elastic.verify`).

Where a fake run is impossible because the forward pass looks at values (``.item()``, ``if x.sum() >
0``), the walk is repeated on real tensors: it then follows the path that the example takes.
"""

import linecache
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses import FakeTensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from gancompress.elastic.axes import ChannelIds, Dims, Ids, Reason, Source

_LIBRARY = (str(Path(torch.__file__).parent), str(Path(__file__).parent), "<")
# Operators that have no result to look at.
_SILENT = {"prim::device", "prim::layout"}
# Operators that come and go with caches and memory layouts, and names that do.
_UNCOUNTED = {"aten::detach", "aten::alias", "aten::lift_fresh", "aten::clone"}
_RESHAPES = {"aten::_unsafe_view", "aten::_reshape_alias"}

Site = tuple[str, str, int]
Size = tuple[int, Ids | None]


@dataclass(frozen=True)
class Value:
    """A tensor that went into or came out of an operator."""

    shape: tuple[int, ...]
    dims: Dims
    storage: int
    itemsize: int


@dataclass(frozen=True)
class Call:
    """One executed operator."""

    op: str
    module: str
    source: Source | None
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    site: Site | None = None


@dataclass(frozen=True)
class Product:
    """Multiply-adds of one operator: the product of ``constant`` and the lengths of ``factors``.

    ``paper_constant`` is that of the literature's convention (transposed convolutions counted at
    their output positions, and one for each result of an instance normalisation).
    """

    module: str
    op: str
    constant: int
    paper_constant: int
    factors: tuple[Ids, ...]


@dataclass(frozen=True)
class Attribute:
    """A module's number (or tuple of numbers) that follows from the sizes of its tensors."""

    module: str
    name: str
    sizes: tuple[Size, ...]
    is_tuple: bool


class Operator:
    """An executed operator as rules see it: arguments by their schema names, and its outputs."""

    def __init__(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> None:
        self.name: str = func._schema.name.removeprefix("aten::")
        self.func = func
        self._arguments: dict[str, Any] = {}
        for index, argument in enumerate(func._schema.arguments):
            if index < len(args):
                self._arguments[argument.name] = args[index]
            else:
                default = argument.default_value if argument.has_default_value() else None
                self._arguments[argument.name] = kwargs.get(argument.name, default)
        self.tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        self.outputs = [leaf for leaf in tree_leaves(out) if isinstance(leaf, Tensor)]

    def __getitem__(self, name: str) -> Any:
        return self._arguments[name]

    def get(self, name: str, default: Any = None) -> Any:
        """The argument called ``name``, or ``default`` where the operator has none."""
        return self._arguments.get(name, default)

    @property
    def out(self) -> Tensor:
        """The (first) result."""
        return self.outputs[0]


Rule = Callable[["Walk", Operator], Sequence[Dims]]


@dataclass
class Walk:
    """What one forward pass showed."""

    ids: ChannelIds
    find_rule: Callable[[Operator], Rule]
    hints: Mapping[Site, int] = field(default_factory=dict)
    scouting: bool = False
    calls: list[Call] = field(default_factory=list)
    products: list[Product] = field(default_factory=list)
    attributes: dict[tuple[str, str], Attribute] = field(default_factory=dict)
    first_use: dict[str, None] = field(default_factory=dict)
    read_values: dict[str, None] = field(default_factory=dict)
    kernels: set[int] = field(default_factory=set)
    weights: set[int] = field(default_factory=set)
    modules: list[tuple[str, nn.Module]] = field(default_factory=list)
    source: Source | None = None
    site: Site | None = None
    _dims: dict[int, Dims] = field(default_factory=dict)
    _names: dict[int, str] = field(default_factory=dict)
    _alive: list[Tensor] = field(default_factory=list)
    _visits: dict[tuple[str, str], int] = field(default_factory=dict)

    @property
    def module(self) -> str:
        """Path of the module whose forward is running."""
        return self.modules[-1][0] if self.modules else ""

    def enter(self, tensor: Tensor, dims: Dims, name: str | None = None) -> None:
        """Make ``tensor`` known with its ``dims``; ``name`` that of a parameter or buffer."""
        known = [d if size != 1 else None for d, size in zip(dims, tensor.shape, strict=True)]
        self._dims[id(tensor)] = tuple(known)
        self._alive.append(tensor)
        if name is not None:
            self._names[id(tensor)] = name
            self.weights.add(_storage(tensor))

    def forget_tensors(self) -> None:
        """Let go of the tensors of the run; what was learned about them stays."""
        self._alive.clear()
        self._dims.clear()
        self._names.clear()

    def dims(self, tensor: Tensor) -> Dims:
        """The ids of every dimension of ``tensor``; a tensor from outside has none."""
        return self._dims.get(id(tensor), (None,) * tensor.dim())

    def merge(self, vectors: Sequence[Ids | None], why: str) -> Ids | None:
        """The dimension that lines ``vectors`` up: ties them; one without ids pins the others."""
        present = [v for v in vectors if v is not None]
        if len(present) < len(vectors):
            for vector in present:
                self.pin(vector, why)
            return None
        for other in present[1:]:
            self.ids.tie(present[0], other)
        return present[0] if present else None

    def pin(self, ids: Ids | None, why: str, fix: str | None = None) -> None:
        """Keep the channels in ``ids`` at full width because of the line that is running."""
        self.ids.pin(ids, Reason(why, self.module, self.source, fix))

    def pin_kernel(self, ids: Ids | None) -> None:
        """``ids`` turn out to be positions, not channels: the next walk gives them no ids."""
        if ids is not None:
            self.kernels.update(ids.tolist())
            self.pin(ids, "spatial positions, not channels")

    def attribute(self, name: str, sizes: Sequence[Size], is_tuple: bool = False) -> None:
        """The running module's number ``name`` follows ``sizes``."""
        path = self.module
        self.attributes.setdefault((path, name), Attribute(path, name, tuple(sizes), is_tuple))

    def note_normalised(self, out: Tensor) -> None:
        """An instance normalisation made ``out``."""
        sized = list(zip(out.shape, self.dims(out), strict=True))
        fixed = prod(size for size, ids in sized if ids is None)
        factors = tuple(ids for _, ids in sized if ids is not None)
        self.products.append(Product(self.module, "instance_norm", 0, fixed, factors))

    def decide(self) -> int | None:
        """The place in the program where a choice has to be made, and what is known about it."""
        key = (self.module, str(self.source))
        visit = self._visits.get(key, 0)
        self._visits[key] = visit + 1
        self.site = (*key, visit)
        alike = (hint for (_, *rest), hint in self.hints.items() if tuple(rest) == self.site[1:])
        return self.hints.get(self.site, next(alike, None))

    def record(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> None:
        """Apply the rule of one executed operator."""
        op = Operator(func, args, kwargs, out)
        self.source, self.site = user_line(), None
        for tensor in op.tensors:
            if id(tensor) in self._names:
                self.first_use.setdefault(self._names[id(tensor)])
        self._alive.extend(op.tensors)
        inputs = tuple(self._value(tensor) for tensor in op.tensors)
        for tensor, dims in zip(op.outputs, self._apply(op), strict=True):
            if not any(tensor is known for known in op.tensors):
                self.enter(tensor, dims)
        outputs = tuple(self._value(tensor) for tensor in op.outputs)
        if is_counted(func):
            op_name = counted_name(func)
            self.calls.append(Call(op_name, self.module, self.source, inputs, outputs, self.site))

    def _apply(self, op: Operator) -> Sequence[Dims]:
        """The dimensions of the results; an operator used in a way that its rule does not know
        is an unknown operator."""
        try:
            results = self.find_rule(op)(self, op)
            sizes = [[len(d) if d is not None else None for d in dims] for dims in results]
            shapes = [tuple(out.shape) for out in op.outputs]
            fits = all(
                known in (None, size) or size == 1
                for dims, shape in zip(sizes, shapes, strict=True)
                for known, size in zip(dims, shape, strict=True)
            )
        except (IndexError, KeyError, TypeError, ValueError):
            fits = False
        if fits:
            return results
        for tensor in op.tensors:
            for ids in self.dims(tensor):
                self.pin(ids, f"meets {op.name} in a form that cannot be followed")
        return [(None,) * out.dim() for out in op.outputs]

    def _value(self, tensor: Tensor) -> Value:
        shape = tuple(tensor.shape)
        return Value(shape, self.dims(tensor), _storage(tensor), tensor.element_size())


def _storage(tensor: Tensor) -> int:
    """What tells the memory of a tensor from that of others."""
    try:
        return int(tensor.untyped_storage()._cdata)
    except (RuntimeError, NotImplementedError):
        return id(tensor)


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
    """Notes the results of instance normalisations, which are batch normalisations further down."""

    def __init__(self, walk: Walk) -> None:
        super().__init__()
        self._walk = walk

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if getattr(func, "__name__", "") == "instance_norm":
            self._walk.note_normalised(out)
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
        if not file.startswith(_LIBRARY):
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
