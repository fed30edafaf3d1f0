"""From the groups of a supernet to the widths that its search space offers."""

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from math import lcm
from numbers import Integral, Real

from gancompress.errors import SubnetError
from gancompress.supernet.axes import BRANCH, ChannelGroup
from gancompress.supernet.links import steps
from gancompress.supernet.space import SearchSpace, is_number


def build_space(
    groups: Sequence[ChannelGroup],
    *,
    divisor: int,
    minimum: int,
    ratios: Sequence[float] | None,
    widths: Mapping[str, Sequence[int]],
    ties: Sequence[str],
    links: Sequence[Sequence[int]] = (),
) -> SearchSpace:
    """The space of the elastic ones among ``groups``.

    Args:
        divisor: widths are multiples of it (and of the group's unit), or the full width.
        minimum: the narrowest width allowed.
        ratios: fractions of full width to offer instead of every multiple, rounded to multiples.
        widths: explicit widths by group name pattern (``model.1*``); the first match counts. Those
            of branches begin with ``branch:``, and their widths are 0 (dropped) and 1.
        ties: name patterns; the groups that match one share one width (in proportion to their full
            widths) under the name of the first.
        links: indices of groups that the network itself forces to keep one ratio; they share one
            width likewise.

    Raises:
        SubnetError: an explicit width or a pattern does not fit, or a number is out of range.
    """
    _check_sizes(divisor, minimum, ratios)
    elastic = [g for g in groups if g.pinned is None]
    _check_patterns([*widths, *ties], [g.name for g in elastic])
    offered = {g.name: _choices(g, divisor, minimum, ratios, widths) for g in elastic}
    legal = _legal_widths(groups, links, minimum)
    names: list[str] = []
    choices: list[tuple[int, ...]] = []
    followers: dict[str, tuple[int, int, int]] = {}
    for leader, members in _classes(groups, links, ties, offered):
        common = _common(leader, members, offered, legal)
        if len(common) > 1:
            followers.update({m.name: (len(names), m.channels, leader.channels) for m in members})
            names.append(leader.name)
            choices.append(common)
    return SearchSpace(tuple(names), tuple(choices), followers)


def _classes(
    groups: Sequence[ChannelGroup],
    links: Sequence[Sequence[int]],
    ties: Sequence[str],
    offered: Mapping[str, Sequence[int]],
) -> list[tuple[ChannelGroup, list[ChannelGroup]]]:
    """The elastic groups that share a width: the one it is named after, and the others."""
    of: dict[str, str] = {groups[g].name: groups[link[0]].name for link in links for g in link}
    first: dict[str, str] = {}
    for name in offered:
        pattern = next((p for p in ties if _matches(name, p)), None)
        if pattern is not None and (len(offered[name]) > 1 or name in of):
            old, new = of.get(name, name), first.setdefault(pattern, of.get(name, name))
            of.update({other: new for other, known in of.items() if known == old} | {name: new})
    classes: dict[str, list[ChannelGroup]] = {}
    for group in groups:
        if group.pinned is None:
            classes.setdefault(of.get(group.name, group.name), []).append(group)
    return [(members[0], members[1:]) for members in classes.values()]


def _legal_widths(
    groups: Sequence[ChannelGroup], links: Sequence[Sequence[int]], minimum: int
) -> dict[str, set[int]]:
    """The widths of linked groups at which all of them are whole."""
    legal: dict[str, set[int]] = {}
    for link in links:
        count = steps(groups, link)
        for group in (groups[g] for g in link):
            step = group.channels // count
            legal[group.name] = {w for w in range(step, group.channels, step) if w >= minimum}
            legal[group.name].add(group.channels)
    return legal


def _common(
    leader: ChannelGroup,
    members: Sequence[ChannelGroup],
    offered: Mapping[str, tuple[int, ...]],
    legal: Mapping[str, set[int]],
) -> tuple[int, ...]:
    """The widths of a class at which every member's width is one that it may have.

    Linked groups may have any that the network allows; where none of those that the leader offers
    fits, all of those are offered.
    """

    def fits(width: int) -> bool:
        return all(
            width * m.channels % leader.channels == 0
            and width * m.channels // leader.channels in legal.get(m.name, offered[m.name])
            for m in members
        )

    own = legal.get(leader.name)
    common = tuple(w for w in offered[leader.name] if fits(w) and (own is None or w in own))
    if len(common) > 1 or own is None:
        return common
    return tuple(width for width in sorted(own) if fits(width))


def _check_sizes(divisor: int, minimum: int, ratios: Sequence[float] | None) -> None:
    for name, value in (("divisor", divisor), ("minimum", minimum)):
        if not is_number(value, Integral) or value < 1:
            raise SubnetError(f"{name}: {value!r} must be a whole number of 1 or more")
    if ratios is not None and not len(ratios):
        raise SubnetError("ratios: none; give shares of the full width, or leave it out")
    for ratio in ratios if ratios is not None else ():
        if not is_number(ratio, Real) or not 0 < ratio <= 1:
            raise SubnetError(
                f"ratios: {ratio!r} must be a share of the full width, above 0 and at most 1"
            )


def _matches(name: str, pattern: str) -> bool:
    """Whether a group is meant by a pattern; branches are by those that say so only."""
    same_kind = name.startswith(BRANCH) == pattern.startswith(BRANCH)
    return same_kind and fnmatchcase(name, pattern)


def _check_patterns(patterns: Iterable[str], names: Sequence[str]) -> None:
    for pattern in patterns:
        if not any(_matches(name, pattern) for name in names):
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
    is_branch = group.name.startswith(BRANCH)
    least = 0 if is_branch else group.unit
    for pattern, listed in widths.items():
        if _matches(group.name, pattern):
            wrong = [w for w in listed if not least <= w <= group.channels or w % group.unit]
            if wrong:
                raise SubnetError(
                    f"widths of {group.name}: {wrong[0]} must be a multiple of {group.unit} "
                    f"between {least} and {group.channels}"
                )
            return tuple(sorted({*listed, group.channels}))
    if is_branch:
        return (0, 1)
    steps = set(range(step, group.channels, step))
    if ratios is not None:
        steps = {max(step, round(r * group.channels / step) * step) for r in ratios}
    allowed = {w for w in steps if minimum <= w < group.channels}
    return tuple(sorted({*allowed, group.channels}))
