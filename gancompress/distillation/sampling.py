"""Which subnets are trained in a step."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from gancompress.distillation.options import DistillOptions, SubnetRule
from gancompress.distillation.subnet_loss import SubnetLossModel
from gancompress.supernet import SearchSpace, Subnet, Supernet

# Share of the training after which progressive shrinking has opened the whole space.
OPEN_AFTER = 0.5


@dataclass(frozen=True)
class SubnetSampler:
    """Chooses the subnets of every step.

    Attributes:
        space: of all subnets.
        options: how they are chosen.
        loss_model: for the rule ``front``.
    """

    space: SearchSpace
    options: DistillOptions
    loss_model: SubnetLossModel | None = None

    def __call__(self, step: int, rng: np.random.Generator) -> list[Subnet]:
        """The subnets of ``step``, the most expensive first."""
        options = self.options
        if options.fixed:
            return [self.space.parse(options.fixed)]
        return subnets_of_step(
            self.space,
            options.subnets,
            options.random_subnets,
            rng,
            step / options.steps,
            self.loss_model,
        )


def make_sampler(supernet: Supernet, options: DistillOptions) -> SubnetSampler:
    """A sampler of the subnets of ``supernet``; with a loss model where the options want it."""
    model = None
    if options.subnets == "front" and not options.fixed:
        model = SubnetLossModel(supernet.space, supernet.cost_model)
    return SubnetSampler(supernet.space, options, model)


def subnets_of_step(
    space: SearchSpace,
    rule: SubnetRule,
    random: int,
    rng: np.random.Generator,
    progress: float = 1.0,
    loss_model: SubnetLossModel | None = None,
) -> list[Subnet]:
    """The subnets of one step, the most expensive first.

    Args:
        space: of all subnets.
        rule: ``sandwich``: the largest, the smallest and ``random`` others, so that both ends of
            the space always improve (Yu & Huang 2019, section 3.2); ``uniform``: only others;
            ``largest``: only the largest; ``progressive``: the sandwich of a space that opens from
            the largest subnet down to the smallest (Cai et al. 2020, Once-for-All, section 3.3);
            ``front``: the sandwich, the others chosen by ``loss_model``.
        random: how many others; sampled by turns uniformly in every group and with one ratio for
            all groups, so that small subnets occur as often as large ones.
        rng: of the step.
        progress: share of the training that is done, for ``progressive``.
        loss_model: predicts which subnets have a small loss for their cost.
    """
    if rule == "progressive":
        space = _opened(space, min(progress / OPEN_AFTER, 1.0))
    if rule == "largest" or space.size == 1:
        return [space.largest]
    draw = partial(_one, space, rng)
    count = max(random, int(rule == "uniform"))
    others = [loss_model.choose(draw) if loss_model is not None else draw() for _ in range(count)]
    return others if rule == "uniform" else [space.largest, *others, space.smallest]


def kind_of(subnet: Subnet, space: SearchSpace) -> str:
    """``largest``, ``smallest`` or ``other``: the log shows whether small subnets starve."""
    if subnet == space.largest:
        return "largest"
    return "smallest" if subnet == space.smallest else "other"


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
