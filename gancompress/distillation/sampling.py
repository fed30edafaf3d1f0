"""Which subnets learn in a training step."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np

from gancompress.distillation.front import Front
from gancompress.supernet import SearchSpace, Subnet

SubnetRule = Literal["sandwich", "uniform", "largest", "progressive", "front"]

# Share of the training after which progressive shrinking has opened the whole space.
OPEN_AFTER = 0.5


def subnets_of_step(
    space: SearchSpace,
    rule: SubnetRule,
    random: int,
    rng: np.random.Generator,
    progress: float = 1.0,
    front: Front | None = None,
) -> list[Subnet]:
    """The subnets of one step, the dearest first.

    Args:
        rule: ``sandwich``: the largest, the smallest and ``random`` others, so that both ends of
            the space always improve (Yu & Huang 2019, section 3.2); ``uniform``: only others;
            ``largest``: only the largest; ``progressive``: the sandwich of a space that opens from
            the largest subnet down to the smallest (Cai et al. 2020, Once-for-All, section 3.3);
            ``front``: the sandwich, the others chosen by ``front``.
        random: how many others; drawn uniformly in every group by turns with one ratio for all
            groups, so that small subnets occur as often as large ones.
        progress: share of the training that is done, for ``progressive``.
        front: knows which subnets promise most for their cost.
    """
    if rule == "progressive":
        space = _opened(space, min(progress / OPEN_AFTER, 1.0))
    if rule == "largest" or space.size == 1:
        return [space.largest]
    draw = partial(_one, space, rng)
    count = max(random, int(rule == "uniform"))
    others = [front.choose(draw) if front is not None else draw() for _ in range(count)]
    return others if rule == "uniform" else [space.largest, *others, space.smallest]


def _opened(space: SearchSpace, share: float) -> SearchSpace:
    """The space of the widest ``share`` of every group's widths, the widest itself always."""
    choices = [widths[round((1.0 - share) * (len(widths) - 1)) :] for widths in space.choices]
    return replace(space, choices=tuple(choices))


def _one(space: SearchSpace, rng: np.random.Generator) -> Subnet:
    """A random subnet: widths independent, or (every second time) all near one random ratio."""
    if rng.random() < 0.5:
        return space.sample(rng)
    ratio = rng.random()
    return Subnet(_near(choices, ratio, rng) for choices in space.choices)


def _near(choices: Sequence[int], ratio: float, rng: np.random.Generator) -> int:
    """A width around the given place in the ascending choices."""
    place = ratio * (len(choices) - 1) + rng.normal(0.0, 0.1 * len(choices))
    return choices[min(max(round(place), 0), len(choices) - 1)]
