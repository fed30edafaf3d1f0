"""A conversion checks itself: subnets are run, and every tensor must have the predicted shape.

The axes say how large every intermediate tensor of any subnet is. A hard-coded ``view(-1, 256, 4,
4)`` either fails at another width or, worse, mixes samples into one another without failing; both
show as the first operator whose result is not as predicted. Where a reshape was ambiguous, the run
says which dimension really shrinks, and the walk is repeated with that knowledge; otherwise the
groups that alone bring the difference about are pinned to the line at which it shows.
"""

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from gancompress.supernet.attributes import patched
from gancompress.supernet.axes import Axis, Ids, Reason, Source
from gancompress.supernet.dry_run import DryRun
from gancompress.supernet.graph import PASSES, DependencyGraph, pinned, study
from gancompress.supernet.recorder import LIBRARY, counted_name, is_counted
from gancompress.supernet.slicing import cut_all, plan
from gancompress.supernet.subnets import attribute_values
from gancompress.supernet.trace import Call, Site

_FIX_SIZE = "take the size from a tensor at hand (x.shape), or leave it open (-1)"
_FIX_LOOP = "do the same to all channels at once instead of one after the other"


@dataclass(frozen=True)
class Difference:
    """The first operator of a subnet's run that is not as predicted."""

    call: Call | None
    expected: tuple[int, ...] | None
    actual: tuple[int, ...] | None
    message: str
    source: Source | None
    fix: str

    @property
    def reason(self) -> Reason:
        """Why a group that brings the difference about stays at full width."""
        module = self.call.module if self.call else ""
        return Reason(self.message, module, self.source, self.fix)


class _Stop(Exception):
    """The run has shown its difference."""


class _AnotherWay(Exception):
    """A reshape turned out to go another way than assumed: walk again."""


class Predictor:
    """The shapes of every intermediate tensor of any subnet, in one kind of pass."""

    def __init__(self, graph: DependencyGraph, name: str) -> None:
        self.calls = graph.walks[name].calls
        self._axes: list[Axis] = []
        index: dict[int, int] = {}
        self._shapes: list[list[tuple[int, ...]]] = []
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

    def shapes(self, widths: Ids) -> list[list[tuple[int, ...]]]:
        """For every operator the shapes of its results at ``widths``."""
        sizes = [int(axis.keep(widths).sum()) for axis in self._axes]
        return [
            [tuple(s if s >= 0 else sizes[-1 - s] for s in shape) for shape in shapes]
            for shapes in self._shapes
        ]


def verified(dry_run: DryRun, subnets: int, seed: int) -> DependencyGraph:
    """The graph of a module, corrected until subnets run exactly as it predicts.

    Args:
        subnets: how many random subnets to run besides the smallest, in evaluation and training.
        seed: of those subnets.
    """
    hints: dict[Site, int] = {}
    while True:
        try:
            return _corrected(dry_run, study(dry_run, hints), hints, subnets, seed)
        except _AnotherWay:
            continue


def _corrected(
    dry_run: DryRun, graph: DependencyGraph, hints: dict[Site, int], subnets: int, seed: int
) -> DependencyGraph:
    """``graph`` with the groups pinned that cannot be narrowed; notes ``hints`` on the way."""
    predictors = {name: Predictor(graph, name) for name in ("eval", "train")}
    trial = 0
    while trial <= subnets:
        widths = _trial_widths(graph, trial, seed)
        reasons: dict[int, Reason] = {}
        for name, predictor in predictors.items():
            difference = run_subnet(dry_run, graph, predictor, widths, name)
            if difference is None:
                continue
            if _take_hint(difference, hints):
                raise _AnotherWay
            reasons = _culprits(dry_run, graph, predictor, widths, name, difference)
            if reasons:
                break
        if reasons:
            graph = pinned(graph, reasons)
        else:
            trial += 1
    return graph


def _trial_widths(graph: DependencyGraph, trial: int, seed: int) -> Ids:
    """A quarter of every elastic group's channels at first, then random widths."""
    units = np.array([g.unit for g in graph.groups], dtype=np.int64)
    most = np.array([g.channels for g in graph.groups], dtype=np.int64)
    fixed = np.array([g.pinned is not None for g in graph.groups], dtype=bool)
    rng = np.random.default_rng((seed, trial))
    shares = rng.random(most.size) if trial else np.full(most.size, 0.25)
    # One channel (or one head) alone would be broadcast, and slices of it left out.
    least = np.where(most > 2 * units, 2, 1)
    narrow = np.maximum(least, (shares * most / units).astype(np.int64)) * units
    return np.where(fixed, most, narrow)


class _Comparison:
    """Watches a run and stops it at the first operator that is not as predicted."""

    def __init__(self, calls: Sequence[Call], expected: list[list[tuple[int, ...]]]) -> None:
        self._calls, self._expected = calls, expected
        self._position = 0
        self.found: Difference | None = None

    @property
    def call(self) -> Call | None:
        """The operator that is to come next."""
        return self._calls[self._position] if self._position < len(self._calls) else None

    def observe(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> None:
        """Compare one executed operator."""
        if not is_counted(func):
            return
        call = self.call
        if call is None or call.op != counted_name(func):
            message = "the operators that are executed depend on the number of channels"
            source = call.source if call else None
            self._stop(Difference(call, None, None, message, source, _FIX_LOOP))
        shapes = [tuple(t.shape) for t in tree_leaves(out) if isinstance(t, Tensor)]
        for now, then in zip(shapes, self._expected[self._position], strict=True):
            if call is not None and now != then:
                message = (
                    f"fixes its size: {_text(now)} where a narrower network needs {_text(then)}"
                )
                self._stop(Difference(call, then, now, message, call.source, _fix(call)))
        self._position += 1

    def _stop(self, difference: Difference) -> None:
        self.found = difference
        raise _Stop


def run_subnet(
    dry_run: DryRun, graph: DependencyGraph, predictor: Predictor, widths: Ids, name: str
) -> Difference | None:
    """Run the module at ``widths`` and compare operator by operator."""
    comparison = _Comparison(predictor.calls, predictor.shapes(widths))
    training, single = PASSES[name]
    tensors = dry_run.stand_ins()
    with torch.no_grad():
        tensors.update(cut_all(tensors, plan(graph.axes, widths)))
    try:
        with patched(dry_run.modules(), attribute_values(graph, widths)):
            inputs = dry_run.inputs(single)
            dry_run.run(tensors, inputs, comparison.observe, training)
    except Exception as error:
        if comparison.found is None:
            call = comparison.call
            first = str(error).splitlines()[0] if str(error) else type(error).__name__
            message = f"fails at another width: {first}"
            return Difference(call, None, None, message, _line_of(error, call), _fix(call))
    return comparison.found


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


def _take_hint(difference: Difference, hints: dict[Site, int]) -> bool:
    """Where an ambiguous reshape went another way than assumed, note which."""
    call, then, now = difference.call, difference.expected, difference.actual
    if call is None or call.site is None or then is None or now is None:
        return False
    if call.site in hints or len(now) != len(then):
        return False
    full = call.outputs[0].shape
    shrunk = [d for d, size in enumerate(now) if size != then[d] and size < full[d]]
    if len(shrunk) != 1:
        return False
    hints[call.site] = shrunk[0]
    return True


def _culprits(
    dry_run: DryRun,
    graph: DependencyGraph,
    predictor: Predictor,
    widths: Ids,
    name: str,
    difference: Difference,
) -> dict[int, Reason]:
    """The groups that alone bring about a difference; all involved where none does alone.

    None at all where the module differs from run to run by itself, which nothing can be learned
    from.
    """
    most = np.array([g.channels for g in graph.groups], dtype=np.int64)
    involved = _involved(graph, difference.call, widths, most)
    reasons: dict[int, Reason] = {}
    for group in involved:
        alone = most.copy()
        alone[group] = widths[group]
        own = run_subnet(dry_run, graph, predictor, alone, name)
        if own is not None:
            reasons[group] = own.reason
    return reasons or dict.fromkeys(involved, difference.reason)


def _involved(graph: DependencyGraph, call: Call | None, widths: Ids, most: Ids) -> list[int]:
    """The narrowed groups that meet in an operator; every narrowed group where none does."""
    narrowed = set(np.flatnonzero(widths < most).tolist())
    met: set[int] = set()
    for value in (*call.inputs, *call.outputs) if call else ():
        for ids in value.dims:
            if ids is not None:
                met.update(graph.grouping.axis(ids).members.tolist())
    return sorted(met & narrowed) or sorted(narrowed)
