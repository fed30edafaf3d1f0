"""Predicting which subnets have a small loss for their cost, from the losses of the training.

Training what lies near the cost–quality front, and not what no search would choose, is what
AttentiveNAS (Wang et al. 2021, section 3.2, "best up") does: of several subnets of about one cost,
the one of the best predicted quality is trained. Here the prediction costs nothing: it is fitted to
the losses of the training itself.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from gancompress.supernet import CostModel, SearchSpace, Subnet
from gancompress.training.optimise import processes

# Subnets sampled for one that is trained, and how many of them, the nearest in cost, are compared.
SAMPLED = 24
COMPARED = 8

# Observations between two fits: reading a loss waits for the device.
FIT_EVERY = 16

# Weight of an observation when the next one comes: as the weights change, old losses expire.
DECAY = 0.999

# Added to the diagonal of the normal equations, in observations.
RIDGE = 0.01


class SubnetLossModel:
    """A running least-squares fit of by how much the loss of a subnet exceeds the largest one's.

    The predicted loss is a sum over groups of a parabola in the logarithm of the width; the mean
    loss at a cost is a parabola in the logarithm of the MACs. The subnets to train are those whose
    predicted loss is small against the mean at their cost.

    Args:
        space: the subnets there are.
        costs: of the subnets.
    """

    def __init__(self, space: SearchSpace, costs: CostModel) -> None:
        self._space, self._costs = space, costs
        ends = self._macs([space.smallest, space.largest])
        self._cheapest, self._range = float(ends[0]), max(float(ends[1] - ends[0]), 1e-9)
        widths = 1 + 2 * len(space.groups)
        self._by_width, self._by_cost = _LeastSquares(widths), _LeastSquares(3)
        self._waiting: list[tuple[Subnet, Tensor]] = []

    @property
    def ready(self) -> bool:
        """Whether there are enough observations to tell good subnets from bad ones."""
        return self._by_width.seen >= 2 * len(self._by_width.right)

    def observe(self, subnet: Subnet, excess: Tensor) -> None:
        """Note by how much the loss of ``subnet`` exceeded that of the largest one, a scalar."""
        self._waiting.append((subnet, excess.detach()))
        if len(self._waiting) < FIT_EVERY:
            return
        losses = torch.stack([loss.double() for _, loss in self._waiting])
        if processes() > 1:
            dist.all_reduce(losses)
            losses /= processes()
        found = losses.cpu().numpy()
        subnets = [subnet for subnet, _ in self._waiting]
        self._by_width.add(self._width_terms(subnets), found)
        self._by_cost.add(self._cost_terms(self._macs(subnets)), found)
        self._waiting = []

    def choose(self, draw: Callable[[], Subnet]) -> Subnet:
        """One of many sampled subnets, the best predicted of those that cost as much as the first.

        So the distribution of costs is the sampler's; the first itself until :attr:`ready`.

        Args:
            draw: samples a subnet.
        """
        sampled = [draw() for _ in range(SAMPLED)]
        if not self.ready:
            return sampled[0]
        costs = self._macs(sampled)
        near = np.argsort(np.abs(costs - costs[0]), kind="stable")[:COMPARED]
        compared = [sampled[index] for index in near]
        best: Subnet = compared[int(np.argmin(self.relative_loss(compared)))]
        return best

    def relative_loss(self, subnets: Sequence[Subnet]) -> np.ndarray:
        """Predicted loss of each subnet less the mean at its cost; small is good."""
        mean = self._by_cost.predict(self._cost_terms(self._macs(subnets)))
        found: np.ndarray = self._by_width.predict(self._width_terms(subnets)) - mean
        return found

    def state_dict(self) -> dict[str, Any]:
        return {
            "by_width": self._by_width.state_dict(),
            "by_cost": self._by_cost.state_dict(),
            "waiting": [[list(subnet), loss.cpu()] for subnet, loss in self._waiting],
        }

    def load_state_dict(self, state_dict: dict[str, Any], /) -> None:
        self._by_width.load_state_dict(state_dict["by_width"])
        self._by_cost.load_state_dict(state_dict["by_cost"])
        self._waiting = [(Subnet(widths), loss) for widths, loss in state_dict["waiting"]]

    def _macs(self, subnets: Sequence[Subnet]) -> np.ndarray:
        return np.log(self._costs.costs(np.array(subnets))["macs"])

    def _cost_terms(self, macs: np.ndarray) -> np.ndarray:
        share = (macs - self._cheapest) / self._range
        return np.stack([np.ones_like(share), share, share**2], axis=1)

    def _width_terms(self, subnets: Sequence[Subnet]) -> np.ndarray:
        low, high = _logs(self._space.smallest), _logs(self._space.largest)
        share = (_logs(subnets) - low) / np.maximum(high - low, 1e-9)
        return np.concatenate([np.ones((len(share), 1)), share, share**2], axis=1)


def _logs(widths: Sequence[Any]) -> np.ndarray:
    """Logarithms; of the two widths of a residual branch, 0 and 1, any would do."""
    logs: np.ndarray = np.log(np.maximum(np.array(widths), 0.5))
    return logs


class _LeastSquares:
    """Least squares over a stream: the normal equations, old observations decaying."""

    def __init__(self, terms: int) -> None:
        self.left, self.right, self.seen = np.zeros((terms, terms)), np.zeros(terms), 0

    def add(self, rows: np.ndarray, values: np.ndarray) -> None:
        """Add observations, of terms (n, terms) and values (n,); those not finite are left out."""
        for row, value in zip(rows, values, strict=True):
            if np.isfinite(value):
                self.left = DECAY * self.left + np.outer(row, row)
                self.right = DECAY * self.right + row * value
                self.seen += 1

    def predict(self, rows: np.ndarray) -> np.ndarray:
        ridge = RIDGE * np.eye(len(self.right))
        found: np.ndarray = rows @ np.linalg.solve(self.left + ridge, self.right)
        return found

    def state_dict(self) -> dict[str, Any]:
        left, right = torch.from_numpy(self.left), torch.from_numpy(self.right)
        return {"left": left, "right": right, "seen": self.seen}

    def load_state_dict(self, state_dict: dict[str, Any], /) -> None:
        self.left, self.right = state_dict["left"].numpy(), state_dict["right"].numpy()
        self.seen = state_dict["seen"]
