"""Search spaces small enough to enumerate, with formulas for cost and quality."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from gancompress.supernet.space import SearchSpace, Subnet


def space_of(groups: int, choices: int, full: int = 64) -> SearchSpace:
    """``groups`` groups with ``choices`` widths each, evenly spaced up to ``full``."""
    widths = tuple(full * step // choices for step in range(1, choices + 1))
    return SearchSpace(tuple(f"g{i}" for i in range(groups)), (widths,) * groups, {})


def chain(space: SearchSpace, seed: int = 0) -> Any:
    """The cost model of a chain of convolutions with a group between each two."""
    resolution = np.random.default_rng(seed).choice([64, 256, 1024], len(space.groups) + 1)

    def costs(widths: np.ndarray) -> dict[str, np.ndarray]:
        inner = np.asarray(widths, dtype=np.int64)
        ends = np.full((len(inner), 1), 3)
        sizes = np.concatenate([ends, inner, ends], axis=1)
        weights = 9 * sizes[:, :-1] * sizes[:, 1:]
        params = weights.sum(axis=1)
        return {
            "macs": (weights * resolution).sum(axis=1),
            "params": params,
            "weight_bytes": 4 * params,
        }

    return SimpleNamespace(costs=costs)


class Quality:
    """A loss of every subnet: unequal groups, diminishing returns, bottlenecks, interactions."""

    def __init__(self, space: SearchSpace, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        groups = len(space.groups)
        self._full = np.array(space.largest)
        self._weight = rng.uniform(0.3, 2, groups)
        self._power = rng.uniform(0.5, 2.5, groups)
        self._pair = rng.uniform(0, 1, (groups, groups)) * (rng.random((groups, groups)) < 0.4)
        self._step = rng.uniform(0, 0.6, (groups, groups))
        self._ripple = rng.uniform(0, 0.05, groups)
        self.scored: list[Subnet] = []

    def __call__(self, subnet: Subnet, seed: int = 0) -> dict[str, float]:
        """The score of one subnet, kept in ``scored``; seeds shift every subnet alike."""
        self.scored.append(subnet)
        return {"loss": float(self.of(np.array([subnet]))[0]) + 0.01 * seed}

    def of(self, widths: np.ndarray) -> np.ndarray:
        """Losses of many subnets (n, groups)."""
        share = widths / self._full
        loss = (self._weight * (1 - share) ** self._power).sum(axis=1)
        loss = loss + 0.5 * (1 - share.min(axis=1)) ** 2
        loss = loss + (self._ripple * np.sin(6 * share)).sum(axis=1)
        for i in range(len(self._full)):
            for j in range(i):
                excess = np.maximum(0, share[:, i] - share[:, j] - self._step[i, j] + 0.3)
                narrow = 1 - np.minimum(share[:, i], share[:, j])
                loss = loss + self._pair[i, j] * excess**2 + self._pair[j, i] * narrow**2
        return loss


def every_subnet(space: SearchSpace) -> np.ndarray:
    """All subnets, (size, groups)."""
    return np.stack(np.meshgrid(*space.choices, indexing="ij"), axis=-1).reshape(
        -1, len(space.choices)
    )
