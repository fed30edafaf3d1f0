"""The subnets of a run as modules: with weights that the supernet learned, or solved ones."""

from collections.abc import Callable
from functools import cache

from torch import nn

from gancompress.assemble.scoring import calibration_batches
from gancompress.batch import Batch
from gancompress.data.live import Pairs
from gancompress.recipe.schema import Recipe
from gancompress.reconstruction.solver import Solver, samples_at_once
from gancompress.supernet import Subnet, Supernet
from gancompress.supernet.calibrate import calibrated

ModuleAt = Callable[[Subnet], nn.Module]


def module_at(recipe: Recipe, supernet: Supernet, pairs: Pairs) -> ModuleAt:
    """What gives a subnet in evaluation mode, with batch-norm statistics of its own."""
    if recipe.solves:

        @cache
        def solver() -> Solver:
            return Solver.of(supernet, solving_batches(recipe, supernet, pairs), seed=recipe.seed)

        return lambda subnet: solver().one_shot(subnet)
    batches = calibration_batches(recipe, pairs)
    return lambda subnet: calibrated(supernet, subnet, batches)


def solving_batches(recipe: Recipe, supernet: Supernet, pairs: Pairs) -> list[Batch]:
    """The inputs that weights are solved on."""
    indices = pairs.train[: recipe.reconstruct.samples]
    return [pairs.batch(part)[0] for part in in_batches(supernet, indices)]


def in_batches(supernet: Supernet, indices: range) -> list[range]:
    """``indices`` in parts that the supernet can be run on at once."""
    size = samples_at_once(supernet.cost_model.cost(supernet.space.largest).macs)
    return [indices[start : start + size] for start in range(0, len(indices), size)]
