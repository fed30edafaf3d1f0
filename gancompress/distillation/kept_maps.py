"""What terms see of a frozen teacher, kept by the number of the pair instead of looked at again."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from gancompress.distillation.feature_network import FeatureNetwork

# Where a map comes from: inside the teacher, or a network that looks at the teacher's outputs; and
# the submodule whose output it is.
Place = tuple[FeatureNetwork | None, str]

# Gives the maps of these samples of a batch, (n, ...) each.
Look = Callable[[Sequence[int]], Mapping[Place, Tensor]]


class KeptMaps:
    """Maps of the first so many pairs, on the device and in the precision that they are made in.

    Which pairs are kept follows from their numbers, and each is looked at by itself: what a step
    finds depends neither on the steps before nor on the batch that a pair first came in, so that a
    resumed training, which begins with none, goes on with the same numbers.

    Args:
        room: how many pairs are kept; the others are looked at in every step.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._kept: dict[int, Mapping[Place, Tensor]] = {}

    def __call__(self, numbers: Sequence[int], look: Look) -> Mapping[Place, Tensor]:
        """The maps of a batch.

        Args:
            numbers: of its pairs.
            look: for those that are not kept.
        """
        others = [row for row, number in enumerate(numbers) if number >= self._room]
        if len(others) == len(numbers):
            return look(others)
        seen = look(others) if others else {}
        found: list[Mapping[Place, Tensor]] = []
        for row, number in enumerate(numbers):
            if number >= self._room:
                at = others.index(row)
                found.append({place: value[at : at + 1] for place, value in seen.items()})
                continue
            if number not in self._kept:
                # A view would keep the whole of what it shows a part of.
                self._kept[number] = {place: x.clone() for place, x in look([row]).items()}
            found.append(self._kept[number])
        return {place: torch.cat([one[place] for one in found]) for place in found[0]}


def bytes_of(maps: Mapping[Place, Tensor]) -> int:
    """What ``maps`` take in memory."""
    return sum(value.numel() * value.element_size() for value in maps.values())
