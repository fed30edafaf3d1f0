"""Profiles: what many groups of channels have in common, where there are too many to tell apart.

A network of hundreds of groups has more of them than a search has scores, but they are few kinds
in many places: ``body.3.rdb1.conv2`` is to ``body.7.rdb1.conv2`` what one block is to the next. A
profile is a smooth course of the widths of one kind through the network.
"""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# From so many groups on the search thinks in profiles.
MANY = 64
# Courses for each kind: constant, from one end to the other, the ends against the middle.
_COURSES = 3

_NUMBER = re.compile(r"\d+")


def profiles_of(names: Sequence[str]) -> NDArray[np.float64]:
    """The profiles of groups, as what each adds to them: (groups, profiles), from -1 to 1.

    Of few groups each is a profile.
    """
    if len(names) < MANY:
        return np.eye(len(names))
    columns = []
    for members in _kinds(names).values():
        places = (np.arange(len(members)) + 0.5) / len(members)
        for course in range(min(_COURSES, len(members))):
            column = np.zeros(len(names))
            column[members] = np.cos(np.pi * course * places)
            columns.append(column)
    return np.stack(columns, axis=1)


def _kinds(names: Sequence[str]) -> dict[str, list[int]]:
    """Groups whose names differ in one number only, the one that differs most often."""
    alike: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        alike.setdefault(_NUMBER.sub("*", name), []).append(index)
    kinds: dict[str, list[int]] = {}
    for members in alike.values():
        numbers = np.array([_NUMBER.findall(names[index]) for index in members])
        counts = [len(np.unique(column)) for column in numbers.T]
        for index, row in zip(members, numbers, strict=True):
            rest = np.delete(row, np.argmax(counts)) if counts else row
            kinds.setdefault(" ".join([_NUMBER.sub("*", names[index]), *rest]), []).append(index)
    return kinds
