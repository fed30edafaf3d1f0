"""A frozen teacher's feature maps, kept by the number of the pair instead of computed again."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from gancompress.metrics.feature_network import FeatureNetwork

# Where a map comes from: inside the teacher (None), or a feature network that is given the
# teacher's outputs; and the submodule whose output it is.
Place = tuple[FeatureNetwork | None, str]

# Computes the maps of these rows of a batch, (n, ...) each.
Compute = Callable[[Sequence[int]], Mapping[Place, Tensor]]


class MapCache:
    """Maps of the first so many pairs, on the device and in the precision of their computation.

    Which pairs are kept follows from their numbers, and each is computed by itself: what a step
    finds depends neither on the steps before nor on the batch that a pair first came in, so that a
    resumed training, which begins with an empty cache, continues with the same numbers.

    Args:
        capacity: how many pairs are kept; the maps of the others are computed in every step.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._kept: dict[int, Mapping[Place, Tensor]] = {}

    def __call__(self, pair_numbers: Sequence[int], compute: Compute) -> Mapping[Place, Tensor]:
        """The maps of a batch.

        Args:
            pair_numbers: of its rows.
            compute: for those that are not kept.
        """
        others = [row for row, number in enumerate(pair_numbers) if number >= self._capacity]
        if len(others) == len(pair_numbers):
            return compute(others)
        computed = compute(others) if others else {}
        found: list[Mapping[Place, Tensor]] = []
        for row, number in enumerate(pair_numbers):
            if number >= self._capacity:
                at = others.index(row)
                found.append({place: value[at : at + 1] for place, value in computed.items()})
                continue
            if number not in self._kept:
                # A view would keep the whole of the tensor that it is a part of.
                self._kept[number] = {place: x.clone() for place, x in compute([row]).items()}
            found.append(self._kept[number])
        return {place: torch.cat([one[place] for one in found]) for place in found[0]}


def bytes_of(maps: Mapping[Place, Tensor]) -> int:
    """Memory that ``maps`` take."""
    return sum(value.numel() * value.element_size() for value in maps.values())
