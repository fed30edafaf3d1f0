"""Which channels belong together: axes as vectors of channel ids.

An *axis* is what one dimension of a tensor is made of: an integer vector with one channel id per
index. Every dimension of every parameter and buffer starts with fresh ids, and every operator that a
forward pass executes maps the vectors of its inputs to those of its outputs: concatenation
concatenates them, chunking slices them, flattening ``C×4×4`` repeats each id 16 times, a transposition
moves them about. Operators that combine elements (additions, convolutions, normalisations) record
*ties*: pairs of ids that are one and the same channel. When the walk is over, one run of connected
components turns ids into channels.

Compared with axes as lists of segments that are unified and refined while walking, nothing has ever
to be split: a finer structure that shows up late (two halves of a GLU, an interleaved shuffle, 16
repeats) is in the vectors from the start, and the whole of the refinement is the final grouping.
The vectors are as long as tensors are wide, so they cost nothing.

Channels that occur in the same dimensions of the same tensors, equally often, can only be removed in
the same way; together they are one *channel group*. A subnet keeps the first so many channels of
every group. Spatial, batch and kernel dimensions have no ids at all (``None``).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

Ids = NDArray[np.int64]
Dims = tuple[Ids | None, ...]


@dataclass(frozen=True)
class Source:
    """A line of the user's program."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} `{self.text}`"


@dataclass(frozen=True)
class Reason:
    """Why channels stay at full width, where that was decided, and what would free them."""

    message: str
    source: Source | None = None
    fix: str | None = None

    def __str__(self) -> str:
        place = f"{self.source} " if self.source else ""
        return f"{place}{self.message}" + (f"; {self.fix}" if self.fix else "")


class ChannelIds:
    """Hands out channel ids and collects what is learned about them."""

    def __init__(self) -> None:
        self.count = 0
        self.pins: list[tuple[Ids, Reason]] = []
        self._ties: list[tuple[Ids, Ids]] = []
        self._supple: list[tuple[int, int]] = []

    def fresh(self, size: int, supple: bool = False) -> Ids:
        """``size`` new ids. ``supple`` ones are of a dimension made while running (``torch.zeros``,
        ``expand``): they follow whatever they meet."""
        ids = np.arange(self.count, self.count + size, dtype=np.int64)
        self.count += size
        if supple:
            self._supple.append((int(ids[0]), self.count) if size else (self.count, self.count))
        return ids

    def tie(self, a: Ids, b: Ids) -> None:
        """The channels at the same positions of ``a`` and ``b`` are the same."""
        if a is not b and a.size:
            self._ties.append((a.ravel(), np.broadcast_to(b, a.shape).ravel()))

    def pin(self, ids: Ids | None, reason: Reason) -> None:
        """The channels in ``ids`` cannot be removed."""
        if ids is not None and ids.size:
            self.pins.append((ids.ravel(), reason))

    def is_supple(self, ids: Ids) -> bool:
        """Whether all of ``ids`` come from a dimension that was made while running."""
        first = int(ids.flat[0])
        return any(start <= first < stop for start, stop in self._supple)

    def labels(self) -> Ids:
        """For every id the number of its channel."""
        if not self._ties:
            return np.arange(self.count, dtype=np.int64)
        left = np.concatenate([a for a, _ in self._ties])
        right = np.concatenate([b for _, b in self._ties])
        shape = (self.count, self.count)
        graph = coo_matrix((np.ones(left.size, dtype=np.int8), (left, right)), shape=shape)
        return connected_components(graph, directed=False)[1].astype(np.int64)


@dataclass(frozen=True)
class Place:
    """One dimension of one parameter or buffer."""

    tensor: str
    dim: int
    ids: Ids


@dataclass(frozen=True)
class ChannelGroup:
    """Channels that stand and fall together.

    Attributes:
        name: from the module whose operator produces the channels.
        channels: number of channels at full width.
        unit: channels that can only be removed together (more than one where a network interleaves
            or convolves in groups); widths are multiples of it.
        places: the (tensor, dimension) pairs of parameters and buffers that they occupy.
        pinned: why the group stays at full width; None if it is elastic.
    """

    name: str
    channels: int
    unit: int
    places: tuple[tuple[str, int], ...]
    pinned: Reason | None


class Axis:
    """One dimension of a tensor: for each position the group it belongs to and its rank therein.

    Attributes:
        group: (size,) index of the group, or -1 where the position is always there.
        rank: (size,) the position is there at widths above this number of channels.
    """

    def __init__(self, group: Ids, rank: Ids) -> None:
        self.group, self.rank = group, rank
        self.size = int(group.size)
        self.fixed = int((group < 0).sum())
        self.members = np.unique(group[group >= 0])

    def keep(self, widths: Ids) -> NDArray[np.bool_]:
        """Which positions are there when the groups have ``widths`` (groups,) channels."""
        if not self.members.size:
            return np.ones(self.size, dtype=bool)
        kept: NDArray[np.bool_] = (self.group < 0) | (self.rank < widths[self.group])
        return kept

    def coefficients(self, groups: Sequence[ChannelGroup]) -> tuple[int, dict[int, float]]:
        """The size of the dimension as ``constant + Σ coefficient × width``."""
        counts = {int(g): float((self.group == g).sum()) for g in self.members}
        return self.fixed, {g: count / groups[g].channels for g, count in counts.items()}


class Grouping:
    """The channel groups of a module and the axis of any vector of ids."""

    def __init__(
        self, ids: ChannelIds, places: Sequence[Place], vectors: Iterable[Ids], names: Sequence[str]
    ) -> None:
        """``places``: parameters' dimensions in the order of first use, ``names`` the module of
        each; ``vectors``: the ids of every other dimension that occurred."""
        self._labels = ids.labels()
        self._reasons = self._reason_of_labels(ids)
        signature = self._signatures([place.ids for place in places], vectors)
        count = int(self._labels.max(initial=-1)) + 1
        self._group_of = np.full(count, -1, dtype=np.int64)
        self._rank_of = np.zeros(count, dtype=np.int64)
        self.groups: list[ChannelGroup] = []
        self._axes: dict[bytes, Axis] = {}
        self._build(places, names, signature)

    def _reason_of_labels(self, ids: ChannelIds) -> dict[int, Reason]:
        reasons: dict[int, Reason] = {}
        for vector, reason in ids.pins:
            for label in np.unique(self._labels[vector]):
                reasons.setdefault(int(label), reason)
        return reasons

    def _signatures(self, first: list[Ids], rest: Iterable[Ids]) -> NDArray[np.uint64]:
        """A number per channel that says in which dimensions it occurs, and how often."""
        count = int(self._labels.max(initial=-1)) + 1
        signature = np.zeros(count, dtype=np.uint64)
        rng = np.random.Generator(np.random.Philox(0))
        seen: set[bytes] = set()
        for vector in [*first, *rest]:
            labels = self._labels[vector.ravel()]
            key = labels.tobytes()
            if key in seen:
                continue
            seen.add(key)
            present, times = np.unique(labels, return_counts=True)
            weight = rng.integers(1, 2**63, dtype=np.uint64)
            signature[present] += weight * times.astype(np.uint64)
        pinned = np.fromiter(self._reasons, dtype=np.int64, count=len(self._reasons))
        signature[pinned] ^= np.uint64(0x9E3779B97F4A7C15)
        return signature

    def _build(
        self, places: Sequence[Place], names: Sequence[str], signature: NDArray[np.uint64]
    ) -> None:
        taken: dict[str, int] = {}
        members: list[Ids] = []
        for place, name in zip(places, names, strict=True):
            labels = self._labels[place.ids]
            fresh = labels[self._group_of[labels] < 0]
            order = fresh[np.sort(np.unique(fresh, return_index=True)[1])]
            for kind in dict.fromkeys(signature[order].tolist()):
                channels = order[signature[order] == kind]
                self._group_of[channels] = len(members)
                members.append(channels)
                taken[name] = taken.get(name, 0) + 1
                suffix = f":{taken[name]}" if taken[name] > 1 else ""
                self.groups.append(ChannelGroup(name + suffix, channels.size, 1, (), None))
        self._complete(places, members)

    def _complete(self, places: Sequence[Place], members: list[Ids]) -> None:
        """Fill in units, places and reasons, now that every channel has its group."""
        found: list[list[tuple[str, int]]] = [[] for _ in members]
        units = [0] * len(members)
        for place in places:
            owners, times = np.unique(self._group_of[self._labels[place.ids]], return_counts=True)
            for owner, count in zip(owners.tolist(), times.tolist(), strict=True):
                multiplicity = count // members[owner].size
                found[owner].append((place.tensor, place.dim))
                units[owner] = min(units[owner] or multiplicity, multiplicity)
        for index, channels in enumerate(members):
            self._rank_of[channels] = np.arange(channels.size) * units[index]
            reason = self._reasons.get(int(channels[0]))
            size = int(channels.size) * units[index]
            name = self.groups[index].name
            self.groups[index] = ChannelGroup(name, size, units[index], tuple(found[index]), reason)

    def axis(self, ids: Ids) -> Axis:
        """The axis of a vector of ids; the same object for equal axes."""
        labels = self._labels[ids.ravel()]
        group = self._group_of[labels]
        rank = np.where(group < 0, 0, self._rank_of[labels])
        key = group.tobytes() + rank.tobytes()
        if key not in self._axes:
            self._axes[key] = Axis(group, rank)
        return self._axes[key]
