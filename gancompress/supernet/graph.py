"""The graph of a module: its channel groups, and the axes of everything that happens in it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils._pytree import tree_leaves

from gancompress.errors import GancompressError, TraceError
from gancompress.supernet.axes import Axes, Axis, ChannelGroup, ChannelIds, Ids, Place, Reason
from gancompress.supernet.branches import Branch
from gancompress.supernet.dry_run import NEEDS_VALUES, DryRun
from gancompress.supernet.grouping import Grouping
from gancompress.supernet.rules import finder
from gancompress.supernet.trace import Site, Walk, storage_of

Key = tuple[str, int]

# (training, single sample): evaluation is walked first; the last is what costs are counted on.
PASSES: dict[str, tuple[bool, bool]] = {
    "eval": (False, False),
    "train": (True, False),
    "single": (False, True),
}


@dataclass(frozen=True)
class Following:
    """An attribute of a module that follows from axes (an int where the size is fixed).

    ``kind``: ``int``, or the kind of sequence that the sizes are in. ``divides``: where it is not
    0, the attribute is the greatest common divisor of this number and the size.
    """

    module: str
    name: str
    sizes: tuple[Axis | int, ...]
    kind: type = int
    divides: int = 0


@dataclass(frozen=True)
class DependencyGraph:
    """Channel groups of a module and the axes of its tensors, attributes and operators.

    ``unused``: names of the tensors that no forward pass touches; they stay as they are.
    ``written``: names of the tensors that a forward pass changes.
    ``uncounted``: operators that work with parameters and whose multiply-adds are not counted.
    ``noted``: the attributes that the walks found; ``attributes`` has those of ``guesses`` too.
    ``unsorted``: groups whose channels cannot be put in another order.
    ``links``: groups whose widths keep one ratio, see :mod:`gancompress.supernet.links`.
    ``whole``: costs are those of the example inputs as a whole, and not of one sample.
    ``read_values``: the lines at which Python reads values out of tensors.
    ``branches``: residual branches that may be dropped; ``whole_branches``: where others are, and
    why they stay.
    """

    groups: tuple[ChannelGroup, ...]
    axes: dict[str, Axes]
    attributes: tuple[Following, ...]
    unused: tuple[str, ...]
    written: tuple[str, ...]
    uncounted: tuple[str, ...]
    whole: bool
    read_values: tuple[str, ...]
    walks: dict[str, Walk]
    grouping: Grouping
    noted: tuple[Following, ...]
    unsorted: frozenset[int]
    links: tuple[tuple[int, ...], ...] = ()
    guesses: tuple[Any, ...] = ()
    branches: tuple[Branch, ...] = ()
    whole_branches: tuple[str, ...] = ()


def study(dry_run: DryRun, hints: Mapping[Site, int]) -> DependencyGraph:
    """Walk the module in evaluation and training, and group its channels.

    ``hints``: which dimension carries the channels after reshapes that leave it open.

    Raises:
        TraceError: the module does not run with the example inputs.
    """
    first: TraceError | None = None
    for real, whole in ((False, False), (False, True), (True, False), (True, True)):
        if (dry_run.real and not real) or (dry_run.examples.whole and not whole):
            continue
        dry_run.real, dry_run.examples.whole = real, whole
        try:
            graph = _study(dry_run, hints)
        except NEEDS_VALUES:
            dry_run.real = True
        except TraceError as error:
            first = first or error
        else:
            if whole or _adds_up(graph, dry_run.examples.samples):
                return graph
        dry_run.examples.whole = False
    assert first is not None
    raise first


def _adds_up(graph: DependencyGraph, samples: int) -> bool:
    """Whether several samples cost no more than as often that of one; tokens would."""
    one, several = (_multiply_adds(graph.walks[name]) for name in ("single", "eval"))
    return several <= samples * one


def _multiply_adds(walk: Walk) -> int:
    return sum(p.constant * prod(ids.size for ids in p.factors) for p in walk.products)


def _study(dry_run: DryRun, hints: Mapping[Site, int]) -> DependencyGraph:
    kernels = _kernel_dimensions(dry_run, hints)
    ids = ChannelIds()
    owned = _parameter_ids(ids, dry_run.tensors, kernels)
    walks: dict[str, Walk] = {}
    for name, (training, single) in PASSES.items():
        walk = Walk(ids, finder(dry_run.rules), hints)
        _perform(dry_run, walk, owned, training, single)
        walks[name] = walk
    used = _first_uses(walks)
    owned = {key: vector for key, vector in owned.items() if key[0] in used}
    grouping = _group(ids, owned, walks, used)
    attributes = _attributes(grouping, walks)
    return DependencyGraph(
        groups=tuple(grouping.groups),
        axes=_tensor_axes(grouping, owned, dry_run.tensors),
        attributes=attributes,
        noted=attributes,
        unsorted=frozenset(int(g) for v in ids.unsorted for g in grouping.axis(v).members),
        unused=tuple(name for name in dry_run.tensors if name not in used),
        written=tuple(n for n in dry_run.tensors if any(n in w.changed for w in walks.values())),
        uncounted=tuple(walks["single"].uncounted),
        whole=dry_run.examples.whole,
        read_values=tuple(dict.fromkeys(line for w in walks.values() for line in w.read_values)),
        walks=walks,
        grouping=grouping,
    )


def _kernel_dimensions(dry_run: DryRun, hints: Mapping[Site, int]) -> set[Key]:
    """Dimensions of parameters that are positions of a kernel or map, seen by a first walk."""
    ids = ChannelIds()
    owned = _parameter_ids(ids, dry_run.tensors, set())
    walk = Walk(ids, finder(dry_run.rules), hints, scouting=True)
    _perform(dry_run, walk, owned, training=False, single=False)
    positions = np.fromiter(walk.kernels, dtype=np.int64, count=len(walk.kernels))
    labels = ids.labels()
    spatial = np.unique(labels[positions])
    return {key for key, vector in owned.items() if np.isin(labels[vector], spatial).all()}


def _parameter_ids(
    ids: ChannelIds, tensors: Mapping[str, Tensor], kernels: set[Key]
) -> dict[Key, Ids]:
    return {
        (name, dim): ids.fresh(size)
        for name, tensor in tensors.items()
        for dim, size in enumerate(tensor.shape)
        if size > 1 and (name, dim) not in kernels
    }


def _perform(
    dry_run: DryRun, walk: Walk, owned: Mapping[Key, Ids], training: bool, single: bool
) -> None:
    tensors = dry_run.stand_ins()
    for name, tensor in tensors.items():
        walk.enter(tensor, tuple(owned.get((name, d)) for d in range(tensor.dim())), name)
    inputs = dry_run.inputs(single)
    storages = {name: storage_of(tensor) for name, tensor in tensors.items()}
    try:
        result = dry_run.run(tensors, inputs, walk.record, training, walk)
    except (*NEEDS_VALUES, GancompressError):
        raise
    except Exception as error:
        mode = "training" if training else "evaluation"
        raise TraceError(
            f"{walk.source or walk.module or 'the module'}: the forward pass with the example "
            f"inputs failed in {mode} mode: {error}; give example_inputs that the module accepts"
        ) from error
    for leaf in tree_leaves(result):
        if isinstance(leaf, Tensor):
            for vector in walk.dims(leaf):
                walk.ids.pin(vector, Reason("is an output of the network"))
            walk.flow.results.add(walk.flow.of(leaf))
    for name, storage in storages.items():
        if storage in walk.written or storage_of(tensors[name]) != storage:
            walk.changed.add(name)
    walk.forget_tensors()


def _first_uses(walks: Mapping[str, Walk]) -> dict[str, int]:
    """The tensors that are used, numbered in the order of their first use."""
    used: dict[str, int] = {}
    for walk in walks.values():
        for name in walk.first_use:
            used.setdefault(name, len(used))
    return used


def _group(
    ids: ChannelIds, owned: Mapping[Key, Ids], walks: Mapping[str, Walk], used: Mapping[str, int]
) -> Grouping:
    """Groups in the order in which their first tensor is used."""
    keys = sorted(owned, key=lambda key: used[key[0]])
    places = [Place(name, dim, owned[name, dim]) for name, dim in keys]
    vectors = [
        vector
        for walk in walks.values()
        for call in walk.calls
        for value in call.outputs
        for vector in value.dims
        if vector is not None
    ]
    return Grouping(ids, places, vectors, [_owner(place.tensor) for place in places])


def _owner(tensor: str) -> str:
    """Path of the module that a parameter belongs to, without what parametrisations add."""
    path, _, leaf = tensor.partition(".parametrizations.")[0].rpartition(".")
    if ".parametrizations." in tensor:
        path = f"{path}.{leaf}".strip(".")
    return path or tensor


def _tensor_axes(
    grouping: Grouping, owned: Mapping[Key, Ids], tensors: Mapping[str, Tensor]
) -> dict[str, Axes]:
    return {
        name: tuple(
            grouping.axis(owned[name, d]) if (name, d) in owned else None
            for d in range(tensor.dim())
        )
        for name, tensor in tensors.items()
    }


def _attributes(grouping: Grouping, walks: Mapping[str, Walk]) -> tuple[Following, ...]:
    found: dict[Key | tuple[str, str], Following] = {}
    for walk in walks.values():
        for key, attribute in walk.attributes.items():
            sizes = tuple(
                size if vector is None else grouping.axis(vector)
                for size, vector in attribute.sizes
            )
            kind = tuple if attribute.is_tuple else int
            follow = Following(
                attribute.module, attribute.name, sizes, kind, divides=attribute.divides
            )
            found.setdefault(key, follow)
    return tuple(found.values())


def pinned(graph: DependencyGraph, reasons: Mapping[int, Reason]) -> DependencyGraph:
    """``graph`` with the groups of these indices kept at full width."""
    groups = tuple(
        replace(group, pinned=reasons[index]) if index in reasons else group
        for index, group in enumerate(graph.groups)
    )
    return replace(graph, groups=groups)
