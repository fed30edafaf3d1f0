"""The search space: which widths every channel group may take.

A :class:`Subnet` is a point of it, one width per group; its text form joins them by ``_``
(``32_64_24``) and means the same as long as the space's groups and choices are the same.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gancompress.errors import SubnetError
from gancompress.supernet.axes import ChannelGroup

# Widths that are written out in a sentence.
LEGIBLE = 30


class Subnet(tuple[int, ...]):
    """Widths (channels) of every group of a space, in the space's order."""

    __slots__ = ()

    @property
    def text(self) -> str:
        """The widths joined by ``_``."""
        return "_".join(map(str, self))

    @property
    def brief(self) -> str:
        """The same for reading: of very many widths how many, the least and the largest."""
        if len(self) <= LEGIBLE:
            return self.text
        return f"{len(self)} widths from {min(self)} to {max(self)}"

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Subnet({self.text})"


@dataclass(frozen=True)
class SearchSpace:
    """Every subnet of a supernet.

    Attributes:
        groups: names of the elastic groups.
        choices: ascending widths of each group; the last is its full width.
        followers: groups whose width is the tied group's times a ratio: name -> (index of the tied
            group, numerator, denominator).
        within: groups (index) that may have no part in the network, and why: each of the sets of
            branches (indices) that something of theirs is in lacks one. See :meth:`canonical`.
    """

    groups: tuple[str, ...]
    choices: tuple[tuple[int, ...], ...]
    followers: Mapping[str, tuple[int, int, int]]
    within: Mapping[int, tuple[frozenset[int], ...]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Number of subnets."""
        return prod(len(widths) for widths in self.choices)

    @property
    def smallest(self) -> Subnet:
        """Every group at its narrowest."""
        return Subnet(widths[0] for widths in self.choices)

    @property
    def largest(self) -> Subnet:
        """Every group at full width."""
        return Subnet(widths[-1] for widths in self.choices)

    def uniform(self, ratio: float) -> Subnet:
        """Every group at the choice nearest to ``ratio`` (0…1) of its full width (ties: wider).

        Residual branches, which have no widths between, are all there.

        Raises:
            SubnetError: ``ratio`` is no number from 0 to 1.
        """
        if not is_number(ratio, Real) or not 0 <= ratio <= 1:
            raise SubnetError(f"uniform({ratio!r}): give a share of the full widths, from 0 to 1")
        return Subnet(
            min(reversed(widths), key=lambda width: abs(width - ratio * widths[-1]))
            if widths[0]
            else widths[-1]
            for widths in self.choices
        )

    def sample(self, rng: np.random.Generator) -> Subnet:
        """A subnet drawn uniformly, every group by itself."""
        return Subnet(widths[rng.integers(len(widths))] for widths in self.choices)

    def mutate(self, subnet: Sequence[int], rng: np.random.Generator, rate: float) -> Subnet:
        """``subnet`` with each width redrawn with probability ``rate``."""
        redrawn = self.sample(rng)
        chosen = rng.random(len(self.groups)) < rate
        own = self.check(subnet)
        return Subnet(b if c else a for a, b, c in zip(own, redrawn, chosen, strict=True))

    def crossover(self, a: Sequence[int], b: Sequence[int], rng: np.random.Generator) -> Subnet:
        """Each width from ``a`` or from ``b``, with equal chance."""
        chosen = rng.random(len(self.groups)) < 0.5
        pairs = zip(self.check(a), self.check(b), chosen, strict=True)
        return Subnet(y if c else x for x, y, c in pairs)

    def neighbours(self, subnet: Sequence[int]) -> list[Subnet]:
        """The subnets that differ by one step in one group."""
        own = self.check(subnet)
        found = []
        for i, widths in enumerate(self.choices):
            at = widths.index(own[i])
            for step in (at - 1, at + 1):
                if 0 <= step < len(widths):
                    found.append(Subnet((*own[:i], widths[step], *own[i + 1 :])))
        return found

    def check(self, subnet: Sequence[int]) -> Subnet:
        """``subnet`` as a :class:`Subnet` of this space.

        Raises:
            SubnetError: it has another number of groups or a width that is no choice.
        """
        given: Any = subnet
        if isinstance(given, str):
            raise SubnetError(
                f"subnet {given!r} is a text; give its widths, space.parse({given!r})"
            )
        if not hasattr(given, "__len__"):
            raise SubnetError(f"subnet {given!r}: give one width for every group of the space")
        if len(subnet) != len(self.groups):
            raise SubnetError(
                f"subnet {'_'.join(map(str, subnet))}: {len(subnet)} widths, "
                f"but the space has {len(self.groups)} groups"
            )
        for name, width, widths in zip(self.groups, subnet, self.choices, strict=True):
            if width not in widths:
                raise SubnetError(
                    f"group {name}: width {width} is not one of {', '.join(map(str, widths))}"
                )
        return subnet if isinstance(subnet, Subnet) else Subnet(int(width) for width in subnet)

    def parse(self, text: str) -> Subnet:
        """The subnet that ``text`` (``32_64_24``) names."""
        try:
            widths = [int(part) for part in text.split("_")] if text else []
        except ValueError:
            raise SubnetError(
                f"subnet {text!r}: expected widths joined by _, as 32_64_24"
            ) from None
        return self.check(widths)

    def widths(self, groups: Sequence[ChannelGroup], subnets: Any) -> NDArray[np.int64]:
        """Channels of all ``groups``, pinned ones too, of ``subnets`` (n, space): (n, groups)."""
        matrix = np.asarray(subnets, dtype=np.int64)
        columns = {name: matrix[..., i] for i, name in enumerate(self.groups)}
        for name, (leader, numerator, denominator) in self.followers.items():
            columns[name] = matrix[..., leader] * numerator // denominator
        result = np.empty((*matrix.shape[:-1], len(groups)), dtype=np.int64)
        for i, group in enumerate(groups):
            result[..., i] = columns.get(group.name, group.channels)
        return result

    def canonical(self, subnets: NDArray[np.int64]) -> NDArray[np.int64]:
        """One of all subnets that are the same network, for each of ``subnets`` (n, groups).

        What is in dropped branches only has no part in it, whatever its width; that is the least.
        """
        found: NDArray[np.int64] = np.array(subnets, dtype=np.int64)
        for group, places in self.within.items():
            dropped = [(subnets[:, list(branches)] == 0).any(axis=1) for branches in places]
            found[np.all(dropped, axis=0), group] = self.choices[group][0]
        return found

    def to_json(self) -> dict[str, Any]:
        """The space as plain data."""
        plain: dict[str, Any] = {
            "groups": list(self.groups),
            "choices": [list(widths) for widths in self.choices],
            "followers": {name: list(tie) for name, tie in self.followers.items()},
        }
        if self.within:
            sets = {str(g): [sorted(b) for b in places] for g, places in self.within.items()}
            plain["within"] = sets
        return plain

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | str) -> "SearchSpace":
        """The inverse of :meth:`to_json` (also from its JSON text)."""
        plain = json.loads(data) if isinstance(data, str) else data
        return cls(
            tuple(plain["groups"]),
            tuple(tuple(int(w) for w in widths) for widths in plain["choices"]),
            {name: (t[0], t[1], t[2]) for name, t in plain["followers"].items()},
            {int(g): tuple(map(frozenset, b)) for g, b in plain.get("within", {}).items()},
        )


def is_number(value: Any, kind: type) -> bool:
    """Whether ``value`` is a number of ``kind``; truth values are none."""
    return isinstance(value, kind) and not isinstance(value, bool)
