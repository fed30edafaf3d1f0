"""The search space: which widths every channel group may take.

A :class:`Subnet` is a point of it, one width per group; its text form joins them by ``_``
(``32_64_24``) and means the same as long as the space's groups and choices are the same.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from math import lcm, prod
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gancompress.errors import SubnetError
from gancompress.supernet.axes import ChannelGroup


class Subnet(tuple[int, ...]):
    """Widths (channels) of every group of a space, in the space's order."""

    __slots__ = ()

    @property
    def text(self) -> str:
        """The widths joined by ``_``."""
        return "_".join(map(str, self))

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
    """

    groups: tuple[str, ...]
    choices: tuple[tuple[int, ...], ...]
    followers: Mapping[str, tuple[int, int, int]]

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

        Raises:
            SubnetError: ``ratio`` is no number from 0 to 1.
        """
        if not _is_number(ratio, Real) or not 0 <= ratio <= 1:
            raise SubnetError(f"uniform({ratio!r}): give a share of the full widths, from 0 to 1")
        return Subnet(
            min(reversed(widths), key=lambda width: abs(width - ratio * widths[-1]))
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

    def to_json(self) -> dict[str, Any]:
        """The space as plain data."""
        return {
            "groups": list(self.groups),
            "choices": [list(widths) for widths in self.choices],
            "followers": {name: list(tie) for name, tie in self.followers.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | str) -> "SearchSpace":
        """The inverse of :meth:`to_json` (also from its JSON text)."""
        plain = json.loads(data) if isinstance(data, str) else data
        return cls(
            tuple(plain["groups"]),
            tuple(tuple(int(w) for w in widths) for widths in plain["choices"]),
            {name: (t[0], t[1], t[2]) for name, t in plain["followers"].items()},
        )


def build_space(
    groups: Iterable[ChannelGroup],
    *,
    divisor: int,
    minimum: int,
    ratios: Sequence[float] | None,
    widths: Mapping[str, Sequence[int]],
    ties: Sequence[str],
) -> SearchSpace:
    """The space of the elastic ones among ``groups``.

    Args:
        divisor: widths are multiples of it (and of the group's unit), or the full width.
        minimum: the narrowest width allowed.
        ratios: fractions of full width to offer instead of every multiple, rounded to multiples.
        widths: explicit widths by group name pattern (``model.1*``); the first match counts.
        ties: name patterns; the groups that match one share one width (in proportion to their full
            widths) under the name of the first.

    Raises:
        SubnetError: an explicit width or a pattern does not fit, or a number is out of range.
    """
    _check_sizes(divisor, minimum, ratios)
    elastic = [g for g in groups if g.pinned is None]
    _check_patterns([*widths, *ties], [g.name for g in elastic])
    offered = {g.name: _choices(g, divisor, minimum, ratios, widths) for g in elastic}
    names: list[str] = []
    choices: list[tuple[int, ...]] = []
    leaders: dict[str, ChannelGroup] = {}
    tied: dict[str, list[ChannelGroup]] = {}
    for group in elastic:
        pattern = next((p for p in ties if fnmatchcase(group.name, p)), None)
        if pattern in leaders:
            tied.setdefault(leaders[pattern].name, []).append(group)
        elif len(offered[group.name]) > 1:
            names.append(group.name)
            choices.append(offered[group.name])
            if pattern is not None:
                leaders[pattern] = group
    followers: dict[str, tuple[int, int, int]] = {}
    for leader, members in tied.items():
        index = names.index(leader)
        full = choices[index][-1]
        followers.update({m.name: (index, m.channels, full) for m in members})
        choices[index] = _common(choices[index], members, offered)
    return SearchSpace(tuple(names), tuple(choices), followers)


def _check_sizes(divisor: int, minimum: int, ratios: Sequence[float] | None) -> None:
    for name, value in (("divisor", divisor), ("minimum", minimum)):
        if not _is_number(value, Integral) or value < 1:
            raise SubnetError(f"{name}: {value!r} must be a whole number of 1 or more")
    for ratio in ratios if ratios is not None else ():
        if not _is_number(ratio, Real) or not 0 < ratio <= 1:
            raise SubnetError(
                f"ratios: {ratio!r} must be a share of the full width, above 0 and at most 1"
            )


def _is_number(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _check_patterns(patterns: Iterable[str], names: Sequence[str]) -> None:
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise SubnetError(
                f"pattern {pattern!r} matches no elastic group; there are {', '.join(names)}"
            )


def _choices(
    group: ChannelGroup,
    divisor: int,
    minimum: int,
    ratios: Sequence[float] | None,
    widths: Mapping[str, Sequence[int]],
) -> tuple[int, ...]:
    step = lcm(divisor, group.unit)
    for pattern, listed in widths.items():
        if fnmatchcase(group.name, pattern):
            wrong = [w for w in listed if not 0 < w <= group.channels or w % group.unit]
            if wrong:
                raise SubnetError(
                    f"widths of {group.name}: {wrong[0]} must be a multiple of {group.unit} "
                    f"between {group.unit} and {group.channels}"
                )
            return tuple(sorted({*listed, group.channels}))
    steps = set(range(step, group.channels, step))
    if ratios is not None:
        steps = {max(step, round(r * group.channels / step) * step) for r in ratios}
    allowed = {w for w in steps if minimum <= w < group.channels}
    return tuple(sorted({*allowed, group.channels}))


def _common(
    choices: tuple[int, ...],
    members: Sequence[ChannelGroup],
    offered: Mapping[str, tuple[int, ...]],
) -> tuple[int, ...]:
    """The widths of a tied group at which every member's width is one that it offers itself."""
    full = choices[-1]
    return tuple(
        width
        for width in choices
        if all(
            width * m.channels % full == 0 and width * m.channels // full in offered[m.name]
            for m in members
        )
    )
