"""One run of a subnet, compared operator by operator with what the axes promise.

The axes say how large every intermediate tensor of any subnet is. A hard-coded ``view(-1, 256, 4,
4)`` either fails at another width or, worse, mixes samples into one another without failing; both
show as the first operator whose result is not as predicted.
"""

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from gancompress.supernet.attributes import patched
from gancompress.supernet.axes import Axis, Ids, Reason, Source
from gancompress.supernet.branches import dropped
from gancompress.supernet.dry_run import DryRun
from gancompress.supernet.graph import PASSES, DependencyGraph
from gancompress.supernet.recorder import LIBRARY, counted_name, is_counted
from gancompress.supernet.skip import enclosing
from gancompress.supernet.slicing import plan
from gancompress.supernet.subnets import attribute_values
from gancompress.supernet.trace import Call

Shapes = list[tuple[int, ...]]

# Operators whose further results only a backward pass reads.
_FIRST_ONLY = {"aten.native_group_norm.default"}
# How many operators before a difference are told of it.
_BEFORE = 24
_FIX_SIZE = "take the size from a tensor at hand (x.shape), or leave it open (-1)"
_FIX_LOOP = "do the same to all channels at once instead of one after the other"


@dataclass(frozen=True)
class Difference:
    """The first operator of a subnet's run that is not as predicted.

    Attributes:
        call: the operator; None after the last.
        position: its number in the run.
        expected, actual: shapes, where it is a shape that differs.
        message, source, fix: what is told of it.
        before: the operators just before it.
        running: the modules through which an exception came, innermost first.
    """

    call: Call | None
    expected: tuple[int, ...] | None
    actual: tuple[int, ...] | None
    message: str
    source: Source | None
    fix: str
    position: int
    before: tuple[Call, ...] = ()
    running: tuple[nn.Module, ...] = ()

    @property
    def reason(self) -> Reason:
        """Why a group that brings the difference about stays at full width."""
        module = self.call.module if self.call else ""
        return Reason(self.message, module, self.source, self.fix)


class _Stop(Exception):
    """The run has shown its difference."""


class Predictor:
    """The shapes of every intermediate tensor of any subnet, in one kind of pass."""

    def __init__(self, graph: DependencyGraph, name: str) -> None:
        self.calls = graph.walks[name].calls
        self._axes: list[Axis] = []
        index: dict[int, int] = {}
        self._shapes: list[Shapes] = []
        for call in self.calls:
            shapes = []
            for value in call.outputs:
                shape = []
                for size, ids in zip(value.shape, value.dims, strict=True):
                    if ids is None:
                        shape.append(size)
                        continue
                    axis = graph.grouping.axis(ids)
                    if id(axis) not in index:
                        index[id(axis)] = len(self._axes)
                        self._axes.append(axis)
                    shape.append(-1 - index[id(axis)])
                shapes.append(tuple(shape))
            self._shapes.append(shapes)

    def shapes(self, widths: Ids) -> list[Shapes]:
        """For every operator the shapes of its results at ``widths``."""
        sizes = [int(axis.keep(widths).sum()) for axis in self._axes]
        return [
            [tuple(s if s >= 0 else sizes[-1 - s] for s in shape) for shape in shapes]
            for shapes in self._shapes
        ]


class _Comparison:
    """Watches a run and stops it at the first operator that is not as predicted."""

    def __init__(self, calls: Sequence[Call], expected: Sequence[Shapes | None]) -> None:
        self._calls, self._expected = calls, expected
        self.position = 0
        self.found: Difference | None = None

    @property
    def call(self) -> Call | None:
        """The operator that is to come next."""
        return self._calls[self.position] if self.position < len(self._calls) else None

    def difference(
        self,
        message: str,
        *,
        source: Source | None = None,
        fix: str | None = None,
        shapes: tuple[tuple[int, ...] | None, tuple[int, ...] | None] = (None, None),
        running: tuple[nn.Module, ...] = (),
    ) -> Difference:
        """What there is to be told at this point of the run."""
        call = self.call
        return Difference(
            call=call,
            position=self.position,
            expected=shapes[0],
            actual=shapes[1],
            message=message,
            source=source or (call.source if call else None),
            fix=fix or _fix(call),
            before=tuple(self._calls[max(self.position - _BEFORE, 0) : self.position]),
            running=running,
        )

    def observe(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> None:
        """Compare one executed operator."""
        if not is_counted(func):
            return
        call = self.call
        if call is None or call.op != counted_name(func):
            message = "the operators that are executed depend on the number of channels"
            self._stop(self.difference(message, fix=_FIX_LOOP))
        shapes = [tuple(t.shape) for t in tree_leaves(out) if isinstance(t, Tensor)]
        expected = self._expected[self.position]
        if expected is None:
            expected = shapes
        seen = 1 if counted_name(func) in _FIRST_ONLY else len(expected)
        for now, then in zip(shapes[:seen], expected[:seen], strict=True):
            if call is not None and now != then:
                message = (
                    f"fixes its size: {_text(now)} where a narrower network needs {_text(then)}"
                )
                self._stop(self.difference(message, shapes=(then, now)))
        self.position += 1

    def _stop(self, difference: Difference) -> None:
        self.found = difference
        raise _Stop


def run_subnet(
    dry_run: DryRun,
    graph: DependencyGraph,
    predictor: Predictor,
    widths: Ids,
    name: str,
    *,
    meta: bool = False,
) -> Difference | None:
    """Run the module at ``widths`` and compare operator by operator.

    ``meta``: on the meta device, where a difference says nothing, and none says as much.
    """
    comparison = _Comparison(*_expected(graph, predictor, widths, name))
    training, single = PASSES[name]
    tensors = dry_run.narrowed(plan(graph.axes, widths), meta)
    try:
        with patched(dry_run.modules(), attribute_values(graph, widths)):
            inputs = dry_run.inputs(single, meta)
            dry_run.run(tensors, inputs, comparison.observe, training, meta=meta)
    except Exception as error:
        if comparison.found is None:
            first = str(error).splitlines()[0] if str(error) else type(error).__name__
            message = f"fails at another width: {first}"
            source = _line_of(error, comparison.call)
            return comparison.difference(message, source=source, running=_running(error))
    return comparison.found


def _expected(
    graph: DependencyGraph, predictor: Predictor, widths: Ids, name: str
) -> tuple[list[Call], list[Shapes | None]]:
    """The operators to come at ``widths`` and their results' shapes, where something can be said.

    Where a branch is dropped by parts, what is left between them runs on what was handed on,
    whatever its shape.
    """
    shapes = predictor.shapes(widths)
    gone = [branch for branch in graph.branches if not widths[branch.group]]
    if not gone:
        return predictor.calls, [*shapes]
    skips = dropped(graph.branches, widths.tolist())
    zeros = {path for path, is_zero in skips.items() if is_zero}
    loose = {position for branch in gone for position in branch.loose}
    calls: list[Call] = []
    expected: list[Shapes | None] = []
    for position, (call, shape) in enumerate(zip(predictor.calls, shapes, strict=True)):
        inside = enclosing(call.module, skips)
        if not inside:
            free = position in loose if name == "eval" else bool(loose)
            calls.append(call)
            expected.append(None if free else shape)
        elif inside in zeros:
            zeros.remove(inside)
            calls.append(replace(call, op="aten.zeros_like.default"))
            expected.append(None)
    return calls, expected


def _running(error: Exception) -> tuple[nn.Module, ...]:
    """The modules whose methods an exception came through, innermost first."""
    found: dict[int, nn.Module] = {}
    trace = error.__traceback__
    while trace is not None:
        holder = trace.tb_frame.f_locals.get("self")
        if isinstance(holder, nn.Module):
            found.pop(id(holder), None)
            found[id(holder)] = holder
        trace = trace.tb_next
    return tuple(reversed(found.values()))


def _fix(call: Call | None) -> str:
    """The change that would free the groups that meet in ``call``."""
    if call is None or call.op != "aten.view.default" or call.source is None:
        return _FIX_SIZE
    if not any(word in call.source.text for word in ("view", "reshape", "unflatten")):
        return _FIX_SIZE
    shape, dims = call.outputs[0].shape, call.outputs[0].dims
    if sum(ids is not None for ids in dims) != 1:
        return _FIX_SIZE
    sizes = ["-1" if ids is not None else str(n) for n, ids in zip(shape, dims, strict=True)]
    if dims[0] is None and shape[0] == call.inputs[0].shape[0]:
        sizes[0] = "x.shape[0]"
    return f"write x.view({', '.join(sizes)})"


def _text(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "a scalar"


def _line_of(error: Exception, call: Call | None) -> Source | None:
    """The innermost line of the user's that an exception came through."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith(LIBRARY):
            return Source(frame.filename, frame.lineno or 0, frame.line or "")
    return call.source if call else None
