"""From channel ids to channel groups: the last step of a walk."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from gancompress.supernet.axes import Axis, ChannelGroup, ChannelIds, Ids, Place, Reason


class Grouping:
    """The channel groups of a module and the axis of any vector of ids."""

    def __init__(
        self, ids: ChannelIds, places: Sequence[Place], vectors: Iterable[Ids], names: Sequence[str]
    ) -> None:
        """Group the channels of ``ids``.

        Args:
            ids: with all ties and pins of the walk.
            places: the parameters' dimensions in the order of their first use.
            vectors: the ids of the dimensions of every intermediate result.
            names: for each of ``places`` the module that a group found there is named after.
        """
        self._labels = ids.labels()
        self._reasons = self._reason_of_labels(ids)
        self._results = self._distinct(vectors)
        self._partial = ids.partial
        signature = self._signatures([place.ids for place in places])
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

    def _distinct(self, vectors: Iterable[Ids]) -> list[Ids]:
        """The channels along each vector, every one of equal vectors once."""
        found: dict[bytes, Ids] = {}
        for vector in vectors:
            labels = self._labels[vector.ravel()]
            found.setdefault(labels.tobytes(), labels)
        return list(found.values())

    def _signatures(self, places: Iterable[Ids]) -> NDArray[np.uint64]:
        """A number per channel that says in which dimensions it occurs, and how often."""
        signature = np.zeros(int(self._labels.max(initial=-1)) + 1, dtype=np.uint64)
        rng = np.random.Generator(np.random.Philox(0))
        for labels in [*self._distinct(places), *self._results]:
            present, times = np.unique(labels, return_counts=True)
            weight = rng.integers(1, 2**63, dtype=np.uint64)
            signature[present] += weight * times.astype(np.uint64)
        pinned = np.fromiter(self._reasons, dtype=np.int64, count=len(self._reasons))
        signature[pinned] ^= np.uint64(0x9E3779B97F4A7C15)
        return signature

    def _build(
        self, places: Sequence[Place], names: Sequence[str], signature: NDArray[np.uint64]
    ) -> None:
        members: list[Ids] = []
        owners: list[str] = []
        for place, name in zip(places, names, strict=True):
            labels = self._labels[place.ids]
            fresh = labels[self._group_of[labels] < 0]
            order = fresh[np.sort(np.unique(fresh, return_index=True)[1])]
            for kind in dict.fromkeys(signature[order].tolist()):
                channels = order[signature[order] == kind]
                self._group_of[channels] = len(members)
                members.append(channels)
                owners.append(name)
        reasons = [self._reasons.get(int(channels[0])) for channels in members]
        self._describe(places, members, _unique(owners, reasons), reasons)

    def _describe(
        self,
        places: Sequence[Place],
        members: list[Ids],
        names: list[str],
        reasons: list[Reason | None],
    ) -> None:
        """Find units and places, now that every channel has its group."""
        found: list[list[tuple[str, int]]] = [[] for _ in members]
        for place in places:
            for owner in np.unique(self._group_of[self._labels[place.ids]]).tolist():
                found[owner].append((place.tensor, place.dim))
        units = self._units(places, members, self._partial)
        for index, channels in enumerate(members):
            self._rank_of[channels] = np.arange(channels.size) * units[index]
            size = int(channels.size) * units[index]
            self.groups.append(
                ChannelGroup(
                    name=names[index],
                    channels=size,
                    unit=units[index],
                    places=tuple(found[index]),
                    pinned=reasons[index],
                )
            )

    def _units(self, places: Sequence[Place], members: list[Ids], partial: set[int]) -> list[int]:
        """How many neighbours each channel stands for: the fewest in any parameter.

        Dimensions that only hold the channels of one group of a convolution (``partial``) do not
        count where there are others.
        """
        units = [0] * len(members)
        whole = [place for place in places if int(place.ids[0]) not in partial]
        for some in (whole, places):
            found = [0] * len(members)
            for place in some:
                groups = self._group_of[self._labels[place.ids]]
                owners, times = np.unique(groups, return_counts=True)
                for owner, count in zip(owners.tolist(), times.tolist(), strict=True):
                    here = count // members[owner].size
                    found[owner] = min(found[owner] or here, here)
            units = [known or here for known, here in zip(units, found, strict=True)]
        return units

    def axis(self, ids: Ids) -> Axis:
        """The axis of a vector of ids; the same object for equal axes."""
        labels = self._labels[ids.ravel()]
        group = self._group_of[labels]
        rank = np.where(group < 0, 0, self._rank_of[labels])
        key = group.tobytes() + rank.tobytes()
        if key not in self._axes:
            self._axes[key] = Axis(group, rank)
        return self._axes[key]


def _unique(names: Sequence[str], reasons: Sequence[Reason | None]) -> list[str]:
    """The names with ``:2``, ``:3`` … where several groups share one; elastic groups come first."""
    order = sorted(range(len(names)), key=lambda i: reasons[i] is not None)
    taken: dict[str, int] = {}
    result = list(names)
    for i in order:
        count = taken[names[i]] = taken.get(names[i], 0) + 1
        result[i] += f":{count}" if count > 1 else ""
    return result
