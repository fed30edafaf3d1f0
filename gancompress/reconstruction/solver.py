"""The weights of a supernet's subnets without training: of many at once, and of a few exactly."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite

import torch
from torch import Tensor, nn

from gancompress.batch import Batch
from gancompress.reconstruction.gathered import RIDGE, Gathered, gather
from gancompress.reconstruction.options import MEMORY
from gancompress.reconstruction.selection import selection_scores
from gancompress.reconstruction.sequential import reconstruct
from gancompress.supernet.calibrate import calibrate
from gancompress.supernet.importance import sort_channels, taylor_scores
from gancompress.supernet.space import Subnet
from gancompress.supernet.supernet import Supernet

# MACs that one batch may take, and samples that it may have.
AT_ONCE, MOST = 4e10, 64

# Ridges that are tried for one-shot weights.
RIDGES = (1e-3, 1e-2, 1e-1, 1.0)

# Batches that the order of channels and the statistics of batch norms are told by.
FEW = 8


@dataclass(frozen=True)
class Solved:
    """A subnet with solved weights.

    Attributes:
        subnet: its widths.
        module: plain, in evaluation mode, with the weights that are nearest.
        cut, one_shot, solved: distance to the teacher with the weights as cut, as they follow from
            the teacher's matrices, and as solved layer by layer.
    """

    subnet: Subnet
    module: nn.Module
    cut: float
    one_shot: float
    solved: float

    @property
    def distance(self) -> float:
        """Of the module to the teacher."""
        return min(self.cut, self.one_shot, self.solved)


@dataclass(frozen=True)
class Solver:
    """What the weights of the subnets of one supernet follow from; :meth:`of` makes one.

    Attributes:
        gathered: matrices of the teacher.
        batches: inputs to solve on.
        judged: one batch of them that nothing was gathered on (unless there is only one), and the
            teacher's outputs.
        ridge: with which one-shot weights are solved for.
        seed: of sampled positions.
        memory: bytes of the maps of all batches, see :func:`reconstruct`.
    """

    gathered: Gathered
    batches: Sequence[Batch]
    judged: tuple[Batch, Tensor]
    ridge: float
    seed: int
    memory: float

    @staticmethod
    def of(
        supernet: Supernet,
        batches: Sequence[Batch],
        *,
        seed: int,
        memory: float = MEMORY,
    ) -> "Solver":
        """Gather the matrices of ``supernet``, whose channels are in order and stay so.

        One-shot weights hold for the teacher's inputs of each layer, and what they do with the
        student's is not told by the matrices: without norms their errors can grow from layer to
        layer. So the ridge is the one with which the output of a subnet of middling widths comes
        nearest to the teacher's.
        """
        gathered = gather(supernet, batches[:-1] or batches, seed=seed)
        with torch.no_grad():
            target = supernet.extract(supernet.space.largest).eval()(**batches[-1])
        solver = Solver(
            gathered=gathered,
            batches=batches,
            judged=(batches[-1], target),
            ridge=RIDGE,
            seed=seed,
            memory=memory,
        )
        middle = supernet.space.uniform(0.5)
        ridge = min(RIDGES, key=lambda r: solver._distance(gathered.module(middle, ridge=r)))
        return replace(solver, ridge=ridge)

    def one_shot(self, subnet: Sequence[int]) -> nn.Module:
        """``subnet`` in evaluation mode, with weights that follow from the teacher's matrices; with
        the weights as cut where these are nearer to the teacher's outputs."""
        solved = self.gathered.module(subnet, ridge=self.ridge).eval()
        cut = self.gathered.supernet.extract(subnet).eval()
        return min(solved, cut, key=self._distance)

    def _distance(self, module: nn.Module) -> float:
        """Mean absolute difference to the teacher on the judged batch."""
        batch, target = self.judged
        with torch.no_grad():
            found = float((module.eval()(**batch) - target).abs().mean())
        return found if isfinite(found) else inf

    def nearest(
        self, subnets: Sequence[Subnet], distance: Callable[[nn.Module], float]
    ) -> list[Solved]:
        """Solve for the weights of ``subnets`` layer by layer; nearest to the teacher first.

        Where these are not the nearest, the one-shot weights stay, or those as cut.

        Args:
            subnets: the finalists of a search.
            distance: of a module to the teacher, on inputs that are not solved on.
        """
        found = [self._solved(subnet, distance) for subnet in subnets]
        return sorted(found, key=lambda one: one.distance)

    def _solved(self, subnet: Subnet, distance: Callable[[nn.Module], float]) -> Solved:
        supernet = self.gathered.supernet
        cut = supernet.extract(subnet).eval()
        calibrate(cut, self.batches[:FEW])
        solved = reconstruct(
            supernet, subnet, self.batches, seed=self.seed, memory=self.memory
        ).eval()
        modules = [solved, self.one_shot(subnet), cut]
        found = [distance(module) for module in modules]
        return Solved(
            subnet=subnet,
            module=modules[found.index(min(found))],
            cut=found[2],
            one_shot=found[1],
            solved=found[0],
        )


def order_channels(
    supernet: Supernet, batches: Sequence[Batch], *, greedy: bool = False, seed: int = 0
) -> None:
    """Put the channels that matter most first, in place: by first-order importance, or one by one
    (:mod:`gancompress.reconstruction.selection`)."""
    if greedy:
        scores = selection_scores(gather(supernet, batches, seed=seed))
    else:
        scores = taylor_scores(supernet, batches[:FEW], seed=seed)
    sort_channels(supernet, scores)


def samples_at_once(macs: float) -> int:
    """Samples of a batch of a teacher that takes ``macs`` for one."""
    return int(min(MOST, max(1, AT_ONCE // max(macs, 1.0))))
