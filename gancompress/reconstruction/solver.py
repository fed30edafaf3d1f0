"""The weights of a supernet's subnets without training: of many at once, and of a few exactly."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import nn

from gancompress.batch import Batch
from gancompress.reconstruction.gathered import Gathered, gather
from gancompress.reconstruction.selection import selection_scores
from gancompress.reconstruction.sequential import reconstruct
from gancompress.supernet.calibrate import calibrate
from gancompress.supernet.importance import sort_channels, taylor_scores
from gancompress.supernet.space import Subnet
from gancompress.supernet.supernet import Supernet

# MACs that one batch may take, and samples that it may have.
AT_ONCE, MOST = 4e10, 64

# Batches that the order of channels and the statistics of batch norms are told by.
FEW = 8


@dataclass(frozen=True)
class Solved:
    """A subnet with solved weights.

    Attributes:
        subnet: its widths.
        module: plain, in evaluation mode.
        cut, one_shot, solved: distance to the teacher with the weights as cut, as they follow from
            the teacher's matrices, and as solved layer by layer.
    """

    subnet: Subnet
    module: nn.Module
    cut: float
    one_shot: float
    solved: float


@dataclass(frozen=True)
class Solver:
    """What the weights of the subnets of one supernet follow from; :meth:`of` makes one.

    Attributes:
        gathered: matrices of the teacher.
        batches: inputs to solve on.
        seed: of sampled positions.
    """

    gathered: Gathered
    batches: Sequence[Batch]
    seed: int

    @staticmethod
    def of(supernet: Supernet, batches: Sequence[Batch], *, seed: int) -> "Solver":
        """Gather the matrices of ``supernet``, whose channels are in order and stay so."""
        return Solver(gather(supernet, batches, seed=seed), batches, seed)

    def one_shot(self, subnet: Sequence[int]) -> nn.Module:
        """``subnet`` in evaluation mode, with weights that follow from the teacher's matrices and
        statistics of its own."""
        module = self.gathered.module(subnet).eval()
        calibrate(module, self.batches[:FEW])
        return module

    def nearest(
        self, subnets: Sequence[Subnet], distance: Callable[[nn.Module], float]
    ) -> list[Solved]:
        """Solve for the weights of ``subnets`` layer by layer; nearest to the teacher first.

        Args:
            subnets: the finalists of a search.
            distance: of a module to the teacher, on inputs that are not solved on.
        """
        found = [self._solved(subnet, distance) for subnet in subnets]
        return sorted(found, key=lambda one: one.solved)

    def _solved(self, subnet: Subnet, distance: Callable[[nn.Module], float]) -> Solved:
        supernet = self.gathered.supernet
        cut = supernet.extract(subnet).eval()
        calibrate(cut, self.batches[:FEW])
        one_shot = distance(self.one_shot(subnet))
        module = reconstruct(supernet, subnet, self.batches, seed=self.seed).eval()
        return Solved(subnet, module, distance(cut), one_shot, distance(module))


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
