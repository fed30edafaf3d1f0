"""Which subnets promise the best quality for their cost, learned while they are trained.

Training what lies near the cost–quality front, and not what no search would choose, is what
AttentiveNAS (Wang et al. 2021, section 3.2, "best up") does: of several subnets of about one cost,
the one of the best predicted quality learns. Here the prediction costs nothing: the losses of the
training itself.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from gancompress.supernet import CostModel, SearchSpace, Subnet
from gancompress.training.optimise import processes

# Subnets drawn for one that learns, and how many of them, the nearest in cost, are compared.
DRAWN = 24
COMPARED = 8

# Losses between two looks at them: each look waits for the device.
LOOK_EVERY = 16

# What an observation weighs when the next comes: weights change, old losses go out of date.
FORGET = 0.999

# Added to the diagonal of the normal equations, in observations.
RIDGE = 0.01


class Front:
    """A running least-squares fit of how far subnets are behind the largest one.

    The loss is a sum over groups of a parabola in the logarithm of the width; what is usual at a
    cost is a parabola in the logarithm of the MACs. A subnet promises much if it is expected to
    lose less than is usual at its cost.

    Args:
        space: the subnets there are.
        costs: of the subnets.
    """

    def __init__(self, space: SearchSpace, costs: CostModel) -> None:
        self._space, self._costs = space, costs
        ends = self._macs([space.smallest, space.largest])
        self._cheapest, self._range = float(ends[0]), max(float(ends[1] - ends[0]), 1e-9)
        widths = 1 + 2 * len(space.groups)
        self._by_width, self._by_cost = _Fit(widths), _Fit(3)
        self._waiting: list[tuple[Subnet, Tensor]] = []

    @property
    def ready(self) -> bool:
        """Whether enough subnets were seen to tell good ones from bad ones."""
        return self._by_width.seen >= 2 * len(self._by_width.right)

    def observe(self, subnet: Subnet, behind: Tensor) -> None:
        """Note by how much the loss of ``subnet`` exceeded that of the largest one, a scalar."""
        self._waiting.append((subnet, behind.detach()))
        if len(self._waiting) < LOOK_EVERY:
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
        """One of many drawn subnets, the most promising of those that cost as much as the first.

        So what is spent on which cost is as drawn; the first itself until :attr:`ready`.
        """
        drawn = [draw() for _ in range(DRAWN)]
        if not self.ready:
            return drawn[0]
        costs = self._macs(drawn)
        near = np.argsort(np.abs(costs - costs[0]), kind="stable")[:COMPARED]
        compared = [drawn[index] for index in near]
        best: Subnet = compared[int(np.argmin(self.shortfall(compared)))]
        return best

    def shortfall(self, subnets: Sequence[Subnet]) -> np.ndarray:
        """Expected loss of each subnet over what is usual at its cost; small is good."""
        usual = self._by_cost.predict(self._cost_terms(self._macs(subnets)))
        found: np.ndarray = self._by_width.predict(self._width_terms(subnets)) - usual
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
        low, high = np.log(self._space.smallest), np.log(self._space.largest)
        share = (np.log(np.array(subnets)) - low) / np.maximum(high - low, 1e-9)
        return np.concatenate([np.ones((len(share), 1)), share, share**2], axis=1)


class _Fit:
    """Least squares over a stream: the normal equations, old observations fading."""

    def __init__(self, terms: int) -> None:
        self.left, self.right, self.seen = np.zeros((terms, terms)), np.zeros(terms), 0

    def add(self, rows: np.ndarray, values: np.ndarray) -> None:
        """Add observations, of terms (n, terms) and values (n,); those not finite are left out."""
        for row, value in zip(rows, values, strict=True):
            if np.isfinite(value):
                self.left = FORGET * self.left + np.outer(row, row)
                self.right = FORGET * self.right + row * value
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
