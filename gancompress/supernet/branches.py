"""Residual branches ``x + f(x)``, found along the flow of values, and what it takes to drop them.

A branch is all that only serves the second term of a sum whose first it begins with. It is dropped
by skipping modules (:mod:`gancompress.supernet.skip`): the one whose input is ``x`` and whose
result is the sum, if there is one; otherwise, in the module that adds, each that works with
parameters for the branch, which then gives zeros. Where neither is there, or where something else
depends on what would be skipped, the branch is not offered, and the reason is kept.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from math import prod

from gancompress.supernet.axes import BRANCH, Source
from gancompress.supernet.skip import enclosing, is_within
from gancompress.supernet.trace import Call, Walk

_SUMS = frozenset(("aten.add.Tensor", "aten.add_.Tensor"))
# Operators that make zeros of zeros.
_KEEP_ZEROS = frozenset(
    f"aten.{name}"
    for name in (
        *("mul.Tensor", "mul_.Tensor", "div.Tensor", "div_.Tensor", "neg.default", "relu.default"),
        *("relu_.default", "tanh.default", "silu.default", "gelu.default", "leaky_relu.default"),
        *("view.default", "permute.default", "transpose.int", "t.default"),
        *("unsqueeze.default", "squeeze.dim", "native_dropout.default"),
    )
)
# Of all multiply-adds: what holds more is no detail that a network can do without.
MOST = 0.5


@dataclass(frozen=True)
class Branch:
    """A residual branch that may be dropped.

    Attributes:
        name: of its channel group, which has one channel: the branch.
        group: index of that group.
        skips: what is skipped where it is dropped.
        loose: numbers of the branch's calls in evaluation that are not skipped with it.
    """

    name: str
    group: int
    skips: Mapping[str, bool]
    loose: frozenset[int]


def dropped(branches: Collection[Branch], widths: Collection[int]) -> dict[str, bool]:
    """All that is skipped at ``widths`` of the groups; not what is within another of them."""
    sizes = list(widths)
    paths: dict[str, bool] = {}
    for branch in branches:
        if not sizes[branch.group]:
            for path, is_zero in branch.skips.items():
                paths[path] = is_zero or paths.get(path, False)
    return {p: z for p, z in paths.items() if not is_within(p.rpartition(".")[0], paths)}


class _Refused(Exception):
    """The branch cannot be dropped by itself."""


@dataclass(frozen=True)
class _Sum:
    """A sum of ``first`` and what is made of it: numbers of values, and of the call."""

    position: int
    first: int
    second: int
    made: int


class BranchFinder:
    """Looks for branches in a walk."""

    def __init__(self, walk: Walk, names: Collection[str]) -> None:
        """``names``: of the module's parameters and buffers."""
        self._walk = walk
        self._made: dict[int, int] = {}
        self._users: dict[int, set[int]] = {}
        for position, call in enumerate(walk.calls):
            for value in call.inputs:
                self._users.setdefault(value.number, set()).add(position)
            for value in call.outputs:
                self._made.setdefault(value.number, position)
        self._idle = self._serving(len(walk.calls), set())
        self._visits = {visit.path: visit for visit in walk.flow.visits}
        runs = Counter(visit.path for visit in walk.flow.visits)
        self._once = {path for path, count in runs.items() if count == 1}
        self._macs = _macs_by_module(walk)
        self._multiply = {f"aten.{product.op}" for product in walk.products}
        # Every module that holds parameters, by itself or in modules of its own.
        self._holders = {path for name in names for path in above(name)}

    def found(self) -> tuple[list[Branch], list[str]]:
        """The branches, and of others where they are and why they are not offered."""
        branches: list[Branch] = []
        refused: list[str] = []
        for sum_ in self._sums():
            call = self._walk.calls[sum_.position]
            inner = self._inner(sum_)
            if not any(self._reads(self._walk.calls[c]) for c in inner):
                continue
            try:
                name, skips = self._skips(sum_, call, inner)
            except _Refused as refusal:
                refused.append(f"{_place(call)}: {refusal}")
            else:
                calls = self._walk.calls
                loose = frozenset(c for c in inner if not is_within(calls[c].module, skips))
                if any(BRANCH + name == known.name for known in branches):
                    continue
                branches.append(Branch(BRANCH + name, -1, skips, loose))
        return branches, refused

    def _sums(self) -> Iterator[_Sum]:
        for position, call in enumerate(self._walk.calls):
            if call.op in _SUMS and len(call.inputs) == 2:
                a, b, out = *call.inputs, call.outputs[0]
                if a.shape == b.shape and self._descends(b.number, a.number, position):
                    yield _Sum(position, a.number, b.number, out.number)
                elif (
                    a.shape == b.shape
                    and out.number not in self._walk.flow.scaled
                    and self._descends(a.number, b.number, position)
                ):
                    yield _Sum(position, b.number, a.number, out.number)

    def _descends(self, value: int, source: int, end: int) -> bool:
        """Whether ``value`` is made of ``source``, which is no parameter, before call ``end``."""
        if source in self._walk.flow.names or self._made.get(value, -1) < self._made.get(source, 0):
            return False
        return bool(self._between(source, value, end))

    def _between(self, source: int, value: int, end: int) -> set[int]:
        """The calls on the ways from ``source`` to ``value``."""
        calls, reached, touched = self._walk.calls, {source}, []
        for position in range(self._made.get(source, -1) + 1, end):
            made = {v.number for v in calls[position].outputs}
            if any(v.number in reached for v in calls[position].inputs) and not made <= reached:
                reached |= made
                touched.append(position)
        wanted, found = {value}, set()
        for position in reversed(touched):
            if any(v.number in wanted for v in calls[position].outputs):
                wanted.update(v.number for v in calls[position].inputs)
                found.add(position)
        return found

    def _inner(self, sum_: _Sum) -> set[int]:
        """The calls whose results serve the second term of the sum, and nothing else."""
        found = self._serving(sum_.position, {sum_.position}, sum_.first)
        return found - self._idle - {sum_.position}

    def _serving(self, end: int, served: set[int], source: int = 0) -> set[int]:
        """The calls before ``end`` of whose results only the calls ``served`` make something."""
        calls, kept = self._walk.calls, {source, *self._walk.flow.results}
        found = set(served)
        for position in range(end - 1, -1, -1):
            made = {v.number for v in calls[position].outputs}
            users = {u for number in made for u in self._users.get(number, ())} - {position}
            if users <= found and not made & kept:
                found.add(position)
        return found

    def _skips(self, sum_: _Sum, call: Call, inner: set[int]) -> tuple[str, dict[str, bool]]:
        """What is skipped where the branch is dropped, and the name for it."""
        if not self._between(sum_.first, sum_.second, sum_.position) <= inner:
            raise _Refused("what the branch computes is used elsewhere too")
        whole = self._whole(sum_, call, inner)
        if whole:
            name, skips = whole, {whole: False}
        else:
            units = self._parts(call, inner)
            name, skips = self._last(sum_.second, units), dict.fromkeys(units, True)
        if not name:
            raise _Refused("it does not end in a module with parameters, which could give zeros")
        for position, other in enumerate(self._walk.calls):
            if not is_within(other.module, skips) and any(
                is_within(name, skips) for name in self._reads(other)
            ):
                raise _Refused(f"its parameters are used elsewhere too, in {_place(other)}")
            if position in inner and other.op.split(".")[1].endswith("_"):
                self._check_in_place(sum_, other)
        share = sum(n for path, n in self._macs.items() if is_within(path, skips))
        if share > MOST * sum(self._macs.values()):
            raise _Refused(f"it holds more than {MOST:.0%} of the multiply-adds")
        return name, skips

    def _check_in_place(self, sum_: _Sum, call: Call) -> None:
        storages = {v.storage for v in self._walk.calls[sum_.position].inputs}
        first = next(v for v in self._walk.calls[sum_.position].inputs if v.number == sum_.first)
        if len(storages) > 1 and call.outputs and call.outputs[0].storage == first.storage:
            raise _Refused("the branch changes in place what it is added to")

    def _whole(self, sum_: _Sum, call: Call, inner: set[int]) -> str:
        """The module that takes the first term and gives the sum, if all in it is of the branch."""
        path = call.module
        while path:
            visit = self._visits.get(path)
            if (
                path in self._once
                and visit
                and (visit.given, visit.made)
                == (
                    sum_.first,
                    sum_.made,
                )
            ):
                own = [p for p, c in enumerate(self._walk.calls) if is_within(c.module, {path})]
                if all(p in inner | self._idle or self._gives(p, sum_.made) for p in own):
                    return path
            path = path.rpartition(".")[0]
        return ""

    def _gives(self, position: int, value: int) -> bool:
        return all(v.number == value for v in self._walk.calls[position].outputs)

    def _parts(self, call: Call, inner: set[int]) -> list[str]:
        """The modules with parameters that serve the branch, in the module that adds."""
        units: dict[str, None] = {}
        for position in sorted(inner):
            unit = self._unit(self._walk.calls[position].module, call.module)
            if unit:
                units.setdefault(unit)
            elif self._walk.calls[position].op.rpartition(".")[0] in self._multiply:
                raise _Refused("the branch is multiplied in the same forward that adds it")
        for unit in units:
            if unit not in self._once:
                raise _Refused(f"{unit} runs several times")
            own = [p for p, c in enumerate(self._walk.calls) if is_within(c.module, {unit})]
            if not set(own) <= inner | self._idle:
                raise _Refused(f"what {unit} computes is used elsewhere too")
        return list(units)

    def _unit(self, path: str, owner: str) -> str:
        """The outermost module with parameters below ``owner`` that ``path`` is in."""
        found = ""
        while path and path != owner and (not owner or path.startswith(owner + ".")):
            if path in self._visits and path in self._holders:
                found = path
            path = path.rpartition(".")[0]
        return found

    def _last(self, value: int, units: Collection[str]) -> str:
        """The unit whose zeros would make ``value`` zero; empty if there is none."""
        position = self._made.get(value)
        if position is None:
            return ""
        call = self._walk.calls[position]
        unit = enclosing(call.module, units)
        if unit:
            return unit if self._visits[unit].made == value else ""
        if call.op not in _KEEP_ZEROS:
            return ""
        lasts = (self._last(v.number, units) for v in call.inputs)
        return next((last for last in lasts if last), "")

    def _reads(self, call: Call) -> list[str]:
        names = self._walk.flow.names
        return [names[v.number] for v in call.inputs if v.number in names]


def above(name: str) -> Iterator[str]:
    """The paths of the modules that something is in."""
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def _macs_by_module(walk: Walk) -> dict[str, int]:
    found: dict[str, int] = {}
    for product in walk.products:
        count = product.constant * prod(ids.size for ids in product.factors)
        found[product.module] = found.get(product.module, 0) + count
    return found


def _place(call: Call) -> str:
    source: Source | None = call.source
    return ", ".join(str(part) for part in (call.module, source) if part) or call.op
