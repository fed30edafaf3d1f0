"""One walk along a forward pass: what every operator does to the axes of its tensors.

The module runs once on fake tensors (shapes without data) under a ``TorchDispatchMode`` that sees
every ATen operator as it is executed. That is the level below autograd, Python and module classes,
so loops, hooks, parametrisations, custom autograd functions and keyword arguments need no care,
and it is the level at which ``FlopCounterMode`` counts. ``torch.export`` would give the same
operators as a graph, but refuses much that merely runs, takes seconds instead of tenths, and hides
which of the module's own Python numbers the run depended on; here a subnet is checked by walking
it as well and comparing operator by operator (:mod:`gancompress.supernet.verify`).

Where a fake run is impossible because the forward pass looks at values (``.item()``, ``if x.sum() >
0``), the walk is repeated on real tensors: it then follows the path that the example takes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from gancompress.supernet.axes import ChannelIds, Dims, Ids, Reason, Source
from gancompress.supernet.flow import Flow
from gancompress.supernet.recorder import counted_name, is_counted, user_line

Site = tuple[str, str, int]
Size = tuple[int, Ids | None]


@dataclass(frozen=True)
class Value:
    """A tensor that went into or came out of an operator; ``number`` as in a :class:`Flow`."""

    shape: tuple[int, ...]
    dims: Dims
    storage: int
    itemsize: int
    number: int


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
    """A module's number (or tuple of numbers) that follows from the sizes of its tensors.

    ``divides``: where it is not 0, the number is its greatest common divisor with the size.
    """

    module: str
    name: str
    sizes: tuple[Size, ...]
    is_tuple: bool
    divides: int = 0


class Operator:
    """An executed operator as rules see it: arguments by their schema names, and its outputs."""

    def __init__(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> None:
        self.name: str = func._schema.name.removeprefix("aten::")
        self.func, self.args, self.kwargs = func, args, kwargs
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
    def written(self) -> list[Tensor]:
        """The operands that the operator changes."""
        given = zip(self.func._schema.arguments, self._arguments.values(), strict=True)
        return [
            value for argument, value in given if argument.is_write and isinstance(value, Tensor)
        ]

    @property
    def is_neutral(self) -> bool:
        """Whether the result holds what the operand does: a copy, or its product with 1."""
        factor = self.get("other") if self.name in ("mul", "div") else None
        return not is_counted(self.func) or (isinstance(factor, (int, float)) and factor == 1)

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
    uncounted: dict[str, None] = field(default_factory=dict)
    written: set[int] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)
    joints: set[int] = field(default_factory=set)
    kernels: set[int] = field(default_factory=set)
    weights: set[int] = field(default_factory=set)
    modules: list[tuple[str, nn.Module]] = field(default_factory=list)
    flow: Flow = field(default_factory=Flow)
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
            self.flow.names[self.flow.of(tensor)] = name
            self.weights.add(storage_of(tensor))

    def forget_tensors(self) -> None:
        """Let go of the tensors of the run; what was learned about them stays."""
        self._alive.clear()
        self._dims.clear()
        self._names.clear()
        self.flow.forget_tensors()

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

    def attribute(
        self, name: str, sizes: Sequence[Size], is_tuple: bool = False, divides: int = 0
    ) -> None:
        """The running module's number ``name`` follows ``sizes``."""
        found = Attribute(self.module, name, tuple(sizes), is_tuple=is_tuple, divides=divides)
        self.attributes.setdefault((self.module, name), found)

    def note_uncounted(self, op: Operator) -> None:
        """An operator that works with parameters, and whose multiply-adds nobody counts."""
        if any(storage_of(tensor) in self.weights for tensor in op.tensors):
            place = f"{self.module}: " if self.module else ""
            self.uncounted.setdefault(f"{place}{op.name}")

    def note_leaving(self, tensor: Tensor, how: str) -> None:
        """A tensor goes to NumPy or Python, where nobody sees what becomes of it."""
        self.source = user_line()
        for ids in self.dims(tensor):
            fix = "compute it with torch's operators, or keep channels out of it"
            self.pin(ids, f"leaves PyTorch by .{how.strip('_')}()", fix)

    def note_normalised(self, out: Tensor) -> None:
        """An instance normalisation made ``out``."""
        sized = list(zip(out.shape, self.dims(out), strict=True))
        fixed = prod(size for size, ids in sized if ids is None)
        factors = tuple(ids for _, ids in sized if ids is not None)
        norm = Product(self.module, "instance_norm", 0, paper_constant=fixed, factors=factors)
        self.products.append(norm)

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
        reshaped = torch.Tag.inplace_view in func.tags
        if reshaped:
            self._dims[id(op.tensors[0])] = self._dims.get(id(op.out), self.dims(op.tensors[0]))
        for tensor in op.tensors:
            if id(tensor) in self._names:
                self.first_use.setdefault(self._names[id(tensor)])
        self._alive.extend(op.tensors)
        inputs = tuple(self._value(tensor) for tensor in op.tensors)
        for tensor, dims in zip(op.outputs, self._apply(op), strict=True):
            if reshaped or not any(tensor is known for known in op.tensors):
                self.enter(tensor, dims)
        source = op.tensors[0] if op.is_neutral and len(op.tensors) == 1 else None
        self.flow.made(op.outputs, source, scaled=op.get("alpha", 1) != 1)
        outputs = tuple(self._value(tensor) for tensor in op.outputs)
        self.written.update(storage_of(tensor) for tensor in op.written)
        if is_counted(func):
            place = counted_name(func), self.module, self.source
            self.calls.append(Call(*place, inputs=inputs, outputs=outputs, site=self.site))

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
        self.note_uncounted(op)
        for tensor in op.tensors:
            for ids in self.dims(tensor):
                self.pin(ids, f"meets {op.name} in a form that cannot be followed")
        return [(None,) * out.dim() for out in op.outputs]

    def _value(self, tensor: Tensor) -> Value:
        shape, number = tuple(tensor.shape), self.flow.of(tensor)
        return Value(
            shape=shape,
            dims=self.dims(tensor),
            storage=storage_of(tensor),
            itemsize=tensor.element_size(),
            number=number,
        )


def storage_of(tensor: Tensor) -> int:
    """What tells the memory of a tensor from that of others."""
    try:
        return int(tensor.untyped_storage()._cdata)
    except (RuntimeError, NotImplementedError):
        return id(tensor)
