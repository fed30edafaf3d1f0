"""Groups whose widths keep one ratio, and the widths that they can have together.

Attention with heads of ``C // heads`` reads a size off one tensor and cuts another one by it: the
two can only get narrower together. Such groups are *linked*: in steps, each as many units as its
size asks for.
"""

from collections.abc import Mapping, Sequence
from math import gcd

from gancompress.supernet.axes import ChannelGroup

Links = tuple[tuple[int, ...], ...]


def joined(links: Links, a: int, b: int) -> Links:
    """``links`` with the classes of two groups made one."""
    touched = [link for link in links if a in link or b in link]
    rest = tuple(link for link in links if link not in touched)
    return (*rest, tuple(sorted({a, b, *(g for link in touched for g in link)})))


def linked_with(links: Links, group: int) -> tuple[int, ...]:
    """All groups whose widths follow that of ``group``, itself among them."""
    return next((link for link in links if group in link), (group,))


def steps(groups: Sequence[ChannelGroup], link: Sequence[int]) -> int:
    """In how many steps linked groups get from nothing to full width."""
    return gcd(*(groups[g].channels // groups[g].unit for g in link))


def widths_at(groups: Sequence[ChannelGroup], link: Sequence[int], step: int) -> Mapping[int, int]:
    """The widths of linked groups after so many steps."""
    count = steps(groups, link)
    return {g: groups[g].channels // count * step for g in link}


def step_at(groups: Sequence[ChannelGroup], link: Sequence[int], share: float) -> int:
    """The step at about ``share`` of the full widths: two at least, where there are more.

    One channel (or one head) alone would be broadcast, and slices of it left out.
    """
    count = steps(groups, link)
    return min(max(int(share * count), 2 if count > 2 else 1), count)
