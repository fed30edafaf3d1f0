"""What follows a width without being a tensor: guessed, tried, and kept where it helps.

Networks keep a width as a number of their own (``self.c = 64``) or read it off one tensor and use
it on another (``C // heads``). Neither can be seen in the operators, but both show when a subnet is
run: it fails, or has other shapes than the axes promise, from some operator on. Then the guesses of
this module are tried one by one. One that gets the run further is kept and the search goes on from
there; if the run cannot be brought to its end, every guess made on the way is withdrawn.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from torch import nn

from gancompress.supernet.attributes import FOLLOWS
from gancompress.supernet.axes import Axis, ChannelGroup
from gancompress.supernet.compare import Difference
from gancompress.supernet.graph import DependencyGraph, Following
from gancompress.supernet.links import joined, linked_with, steps

# How many runs are spent on one group that fails, and how many guesses deep.
_RUNS = 48
_DEPTH = 6
# Layers of which it is known what follows: their other numbers are strides and paddings.
_KNOWN = tuple(kind for kind, *_ in FOLLOWS if kind is not nn.MultiheadAttention)
_BOOKKEEPING = frozenset(vars(nn.Module()))


@dataclass(frozen=True)
class Number:
    """A module's own number, or one in its tuple or list, follows an axis."""

    module: str
    name: str
    positions: tuple[int, ...]
    axis: Axis = field(compare=False)
    value: Any = field(compare=False)

    def involves(self, group: int) -> bool:
        """Whether the guess is about ``group``."""
        return group in self.axis.members


@dataclass(frozen=True)
class Link:
    """Two groups keep the ratio of their widths."""

    a: int
    b: int

    def involves(self, group: int) -> bool:
        """Whether the guess is about ``group``."""
        return group in (self.a, self.b)


Guess = Number | Link
Run = Callable[[DependencyGraph], Difference | None]


def with_guesses(graph: DependencyGraph, guesses: Sequence[Guess]) -> DependencyGraph:
    """``graph`` as it is under ``guesses``, in place of those that it had."""
    attributes = {(f.module, f.name): f for f in graph.noted}
    links: tuple[tuple[int, ...], ...] = ()
    for guess in guesses:
        if isinstance(guess, Link):
            links = joined(links, guess.a, guess.b)
        else:
            key = guess.module, guess.name
            attributes[key] = _following(guess, attributes.get(key))
    return replace(
        graph, attributes=tuple(attributes.values()), links=links, guesses=tuple(guesses)
    )


def _following(guess: Number, known: Following | None) -> Following:
    whole = guess.value if isinstance(guess.value, (list, tuple)) else (guess.value,)
    sizes = list(known.sizes if known else whole)
    for position in guess.positions:
        sizes[position] = guess.axis
    kind = type(guess.value) if isinstance(guess.value, (list, tuple)) else int
    return Following(guess.module, guess.name, tuple(sizes), kind)


@dataclass
class Guesser:
    """Finds the guesses under which a group can be narrowed.

    Attributes:
        modules: of the module that is run, by path.
        helped: what kinds of numbers helped before; they are tried first.
    """

    modules: Mapping[str, nn.Module]
    helped: dict[tuple[type[nn.Module], str], None] = field(default_factory=dict)

    def explained(
        self, graph: DependencyGraph, group: int, difference: Difference, run: Run
    ) -> DependencyGraph | None:
        """``graph`` with guesses under which ``run`` shows no difference, or None.

        ``run`` narrows ``group`` and what is linked with it, and nothing else.
        """
        own = [guess for guess in graph.guesses if guess.involves(group)]
        left = [_RUNS]
        found = self._search(graph, group, difference, run, left, 0)
        for doubted in own:
            if found is not None or left[0] <= 0:
                break
            rest = with_guesses(graph, [g for g in graph.guesses if g != doubted])
            again = run(rest)
            found = rest if again is None else self._search(rest, group, again, run, left, 0)
        return found

    def _search(
        self,
        graph: DependencyGraph,
        group: int,
        difference: Difference,
        run: Run,
        left: list[int],
        depth: int,
    ) -> DependencyGraph | None:
        for guess in self._candidates(graph, group, difference):
            if left[0] <= 0:
                return None
            left[0] -= 1
            tried = with_guesses(graph, [*graph.guesses, guess])
            now = run(tried)
            if now is not None and now.position <= difference.position:
                continue
            if now is not None and depth < _DEPTH:
                further = self._search(tried, group, now, run, left, depth + 1)
            else:
                further = tried if now is None else None
            if further is not None:
                if isinstance(guess, Number):
                    self.helped.setdefault((type(self.modules[guess.module]), guess.name))
                return further
        return None

    def _candidates(
        self, graph: DependencyGraph, group: int, difference: Difference
    ) -> Iterator[Guess]:
        paths = self._places(difference)
        numbers = list(self._numbers(graph, group, difference, paths))
        known = [self._kind(number) in self.helped for number in numbers]
        yield from (number for number, good in zip(numbers, known, strict=True) if good)
        yield from (number for number, good in zip(numbers, known, strict=True) if not good)
        for other in _neighbours(graph, group, difference, paths):
            yield Link(*sorted((group, other)))

    def _kind(self, number: Number) -> tuple[type[nn.Module], str]:
        return type(self.modules[number.module]), number.name

    def _places(self, difference: Difference) -> list[str]:
        """The modules that may hold the number, the likeliest first."""
        of = {id(module): path for path, module in self.modules.items()}
        paths = [of[id(m)] for m in difference.running if id(m) in of]
        if difference.call is not None:
            parts = difference.call.module.split(".") if difference.call.module else []
            paths += [".".join(parts[:n]) for n in range(len(parts), -1, -1)]
        near = [
            f"{path}.{name}".strip(".")
            for path in paths[:2]
            for name, _ in self.modules[path].named_children()
        ]
        return [path for path in dict.fromkeys([*paths, *near]) if path in self.modules]

    def _numbers(
        self, graph: DependencyGraph, group: int, difference: Difference, paths: Sequence[str]
    ) -> Iterator[Number]:
        axes = _axes(graph, group, difference)
        taken = {(f.module, f.name) for f in graph.noted}
        numbers = [guess for guess in graph.guesses if isinstance(guess, Number)]
        guessed = {(n.module, n.name, p) for n in numbers for p in n.positions}
        for path in (p for p in paths if not isinstance(self.modules[p], _KNOWN)):
            for name, value in vars(self.modules[path]).items():
                if name in _BOOKKEEPING or (path, name) in taken:
                    continue
                for positions, number in _numbers_in(value):
                    if not any((path, name, p) in guessed for p in positions):
                        yield from (
                            Number(
                                module=path, name=name, positions=positions, axis=axis, value=value
                            )
                            for axis in _fitting(axes, graph.groups[group], group, number)
                        )


def _numbers_in(value: Any) -> Iterator[tuple[tuple[int, ...], int]]:
    """The whole numbers that ``value`` is or holds, and where; equal ones together at first."""
    if isinstance(value, int) and not isinstance(value, bool):
        yield (0,), value
    elif isinstance(value, (list, tuple)) and len(value) <= 8:
        numbers = [n if isinstance(n, int) and not isinstance(n, bool) else None for n in value]
        for number in dict.fromkeys(n for n in numbers if n is not None):
            at = tuple(i for i, n in enumerate(numbers) if n == number)
            yield at, number
            if len(at) > 1:
                yield from (((i,), number) for i in at)


def _axes(graph: DependencyGraph, group: int, difference: Difference) -> list[Axis]:
    """The axes around the operator that differs in which ``group`` takes part."""
    call = difference.call
    found: dict[int, Axis] = {}
    for value in (*call.outputs, *call.inputs) if call is not None else ():
        for ids in value.dims:
            if ids is not None:
                axis = graph.grouping.axis(ids)
                if group in axis.members:
                    found.setdefault(id(axis), axis)
    return list(found.values())


def _fitting(axes: Sequence[Axis], group: ChannelGroup, index: int, number: int) -> Iterator[Axis]:
    """The axes that are as long as ``number``; at last one of the group's channels alone."""
    exact = [axis for axis in axes if axis.size == number]
    yield from exact
    channels = group.channels // group.unit
    alone = any(axis.members.size == 1 and not axis.fixed for axis in exact)
    if 1 < channels <= number and number % channels == 0 and not alone:
        ranks = np.repeat(np.arange(channels) * group.unit, number // channels)
        yield Axis(np.full(number, index), ranks)


def _neighbours(
    graph: DependencyGraph, group: int, difference: Difference, paths: Sequence[str]
) -> list[int]:
    """Groups that ``group`` may have to keep a ratio with, the likeliest first."""
    calls = [] if difference.call is None else [difference.call]
    met: dict[int, None] = {}
    for call in (*calls, *reversed(difference.before)):
        for ids in (ids for value in (*call.inputs, *call.outputs) for ids in value.dims):
            if ids is not None:
                met.update(dict.fromkeys(graph.grouping.axis(ids).members.tolist()))
    if paths and paths[0]:
        start = paths[0] + "."
        for index, other in enumerate(graph.groups):
            if any(name.startswith(start) for name, _ in other.places):
                met.setdefault(index)
    own = linked_with(graph.links, group)
    return [
        other
        for other in met
        if other not in own
        and graph.groups[other].pinned is None
        and steps(graph.groups, (*own, *linked_with(graph.links, other))) > 1
    ]
