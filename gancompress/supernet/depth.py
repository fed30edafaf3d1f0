"""Depth: the residual branches of a network as channel groups of one channel each.

A group's width is 1 where its branch is there and 0 where it is dropped, so that whatever is done
with widths (sampling, costs, searching) is done with depth as well.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gancompress.supernet.axes import ChannelGroup, Ids
from gancompress.supernet.branches import Branch, BranchFinder, above
from gancompress.supernet.compare import Difference, Predictor, run_subnet
from gancompress.supernet.dry_run import DryRun
from gancompress.supernet.graph import DependencyGraph
from gancompress.supernet.space import SearchSpace


def with_branches(dry_run: DryRun, graph: DependencyGraph) -> DependencyGraph:
    """``graph`` with a group for every branch without which the module runs as expected."""
    found, refused = BranchFinder(graph.walks["eval"], dry_run.tensors).found()
    predictors = {name: Predictor(graph, name) for name in ("eval", "train")}

    def fails(branches: Sequence[Branch]) -> Difference | None:
        tried = _extended(graph, branches, ())
        for widths in _trials(tried):
            for name, predictor in predictors.items():
                difference = run_subnet(dry_run, tried, predictor, widths, name)
                if difference is not None:
                    return difference
        return None

    kept = found
    if fails(found) is not None:
        kept = []
        for branch in found:
            difference = fails([*kept, branch])
            if difference is None:
                kept.append(branch)
            else:
                refused.append(
                    f"{branch.name}: the module does not run without it: {difference.reason}"
                )
    return _extended(graph, kept, refused)


def _extended(
    graph: DependencyGraph, branches: Sequence[Branch], refused: Sequence[str]
) -> DependencyGraph:
    first = len(graph.groups)
    numbered = tuple(replace(branch, group=first + n) for n, branch in enumerate(branches))
    groups = tuple(
        ChannelGroup(name=b.name, channels=1, unit=1, places=(), pinned=None) for b in numbered
    )
    return replace(
        graph,
        groups=(*graph.groups, *groups),
        branches=numbered,
        whole_branches=tuple(refused),
    )


def within_branches(
    graph: DependencyGraph, space: SearchSpace
) -> dict[int, tuple[frozenset[int], ...]]:
    """Groups of ``space`` that are in branches only, see :attr:`SearchSpace.within`."""
    index = {name: i for i, name in enumerate(space.groups)}
    index |= {name: leader for name, (leader, *_) in space.followers.items()}
    branches = [(index[b.name], b.skips) for b in graph.branches if b.name in index]
    skipped: dict[str, set[int]] = defaultdict(set)
    for number, skips in branches:
        for path in skips:
            skipped[path].add(number)

    def around(path: str) -> frozenset[int]:
        return frozenset(n for p in (path, *above(path)) for n in skipped.get(p, ()))

    places: dict[int, set[frozenset[int]]] = defaultdict(set)
    for name, axes in graph.axes.items():
        members = {int(g) for axis in axes if axis is not None for g in axis.members}
        for group in members:
            places[index.get(graph.groups[group].name, -1)].add(around(name))
    for number, skips in branches:
        places[number].update(around(path.rpartition(".")[0]) for path in skips)
    places.pop(-1, None)
    return {i: tuple(sets) for i, sets in places.items() if frozenset() not in sets}


def _trials(graph: DependencyGraph) -> list[Ids]:
    """Full width without any branch, and without the last."""
    full = np.array([group.channels for group in graph.groups], dtype=np.int64)
    none, but_last = full.copy(), full.copy()
    none[[branch.group for branch in graph.branches]] = 0
    but_last[[branch.group for branch in graph.branches[-1:]]] = 0
    return [none, but_last] if graph.branches else []
