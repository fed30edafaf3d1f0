"""Which channels belong together: axes as vectors of channel ids.

An *axis* is what one dimension of a tensor is made of: an integer vector with one channel id per
index. Every dimension of every parameter and buffer starts with fresh ids, and every operator that
a forward pass executes maps the vectors of its inputs to those of its outputs: concatenation
concatenates them, chunking slices them, flattening ``C×4×4`` repeats each id 16 times, a
transposition moves them about. Operators that combine elements (additions, convolutions,
normalisations) record *ties*: pairs of ids that are one and the same channel. When the walk is
over, one run of connected components turns ids into channels.

Compared with axes as lists of segments that are unified and refined while walking, nothing has ever
to be split: a finer structure that shows up late (two halves of a GLU, an interleaved shuffle, 16
repeats) is in the vectors from the start, and the whole of the refinement is the final grouping.
The vectors are as long as tensors are wide, so they cost nothing.

Channels that occur in the same dimensions of the same tensors, equally often, can only be removed
in the same way; together they are one *channel group*. A subnet keeps the first so many channels
of every group. Spatial, batch and kernel dimensions have no ids at all (``None``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

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
        file, here = Path(self.file), Path.cwd()
        shown = file.relative_to(here) if file.is_relative_to(here) else file
        return f"{shown}:{self.line} `{self.text}`"


@dataclass(frozen=True)
class Reason:
    """Why channels stay at full width, where that was decided, and what would free them.

    ``module`` is the path of the module whose forward was running, ``source`` the innermost line
    that is not PyTorch's.
    """

    message: str
    module: str = ""
    source: Source | None = None
    fix: str | None = None

    def __str__(self) -> str:
        place = ", ".join(str(p) for p in (self.module, self.source) if p)
        return (
            (f"{place}: " if place else "") + self.message + (f"; {self.fix}" if self.fix else "")
        )


class ChannelIds:
    """Hands out channel ids and collects what is learned about them.

    Attributes:
        pins: ids that cannot be removed, and why, the first reason first.
        unsorted: ids of channels whose order matters.
        partial: ids of dimensions that hold the channels of one group of a grouped convolution.
    """

    def __init__(self) -> None:
        self.count = 0
        self.pins: list[tuple[Ids, Reason]] = []
        self.partial: set[int] = set()
        self.unsorted: list[Ids] = []
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
        labels: Ids = connected_components(graph, directed=False)[1].astype(np.int64)
        return labels


@dataclass(frozen=True)
class Place:
    """One dimension of one parameter or buffer."""

    tensor: str
    dim: int
    ids: Ids


# What names of groups begin with that are residual branches.
BRANCH = "branch:"


@dataclass(frozen=True)
class ChannelGroup:
    """Channels that stand and fall together.

    A residual branch that may be dropped is a group of one channel, which is in no tensor.

    Attributes:
        name: from the module whose operator produces the channels; that of a branch begins with
            :data:`BRANCH`.
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


# Of every dimension of a tensor; None where it never changes.
Axes = tuple[Axis | None, ...]
