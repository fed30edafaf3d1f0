"""The part of a search space that a budget allows, for many subnets at once.

Everything here works on *levels*: integer matrices (n, groups) of indices into each group's
ascending widths.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gancompress.architecture_search.budget import Costs, fits
from gancompress.architecture_search.profiles import profiles_of
from gancompress.supernet.space import SearchSpace, Subnet

# The factor of widths below which residual branches are dropped, one by one.
LAST = 0.1

Levels = NDArray[np.int64]
Vector = NDArray[np.float64]


class Feasible:
    """The part of a search space that keeps the limits, with costs as vectorised formulas."""

    def __init__(
        self, space: SearchSpace, costs: Costs, limits: Mapping[str, float], cost: str
    ) -> None:
        """``cost``: name of the column that subnets are spread over and compared by."""
        self.space = space
        self.tops: Levels = np.array([len(widths) - 1 for widths in space.choices])
        self._costs = costs
        self._limits = dict(limits)
        self.limited = bool(limits)
        self._cost = cost
        # Widths of all groups side by side, padded, for look-up by level.
        self._widths = np.zeros((len(space.choices), int(self.tops.max()) + 1), dtype=np.int64)
        for row, widths in zip(self._widths, space.choices, strict=True):
            row[: len(widths)] = widths

    def widths(self, levels: Levels) -> Levels:
        """Levels to widths."""
        found: Levels = self._widths[np.arange(len(self.tops)), levels]
        return found

    def levels(self, subnets: Sequence[Subnet] | Levels) -> Levels:
        """Subnets (n, groups) to levels."""
        widths = np.array([tuple(subnet) for subnet in subnets], dtype=np.int64)
        columns = [
            np.searchsorted(self._widths[group, : top + 1], widths[:, group])
            for group, top in enumerate(self.tops)
        ]
        return np.stack(columns, axis=1)

    def subnet(self, levels: Levels) -> Subnet:
        """One row of levels to the subnet."""
        return Subnet(map(int, self.widths(levels[None])[0]))

    def inside(self, levels: Levels) -> NDArray[np.bool_]:
        """Which rows keep the limits."""
        kept = fits(self._costs(self.widths(levels)), self._limits)
        rows: NDArray[np.bool_] = np.broadcast_to(np.asarray(kept, dtype=bool), len(levels))
        return rows

    def cost(self, levels: Levels) -> Vector:
        """The cost that subnets are compared by."""
        return np.asarray(self._costs(self.widths(levels))[self._cost], dtype=np.float64)

    def repair(self, levels: Levels, rng: np.random.Generator) -> Levels:
        """Narrow each row that is over a limit, as little as keeps its proportions, until it fits.

        Levels fall one by one in a random order as a common factor shrinks; the factor is found by
        bisection, so that the number of attempts is fixed. The smallest subnet fits by assumption.
        Residual branches are dropped last, when little is left of the widths: what is wide and what
        is deep is drawn by chance and kept.
        """
        fitted = self.canonical(levels)
        over = np.flatnonzero(~self.inside(levels))
        if not len(over):
            return fitted
        branches = self._widths[:, 0] == 0
        wanted, order = levels[over], rng.random((len(over), levels.shape[1]))
        low, high = np.zeros(len(over)), np.ones(len(over))
        best = np.zeros_like(wanted)
        for _ in range(12):
            middle = ((low + high) / 2)[:, None]
            shrunk = np.floor(middle * (wanted + 1) - (1 - middle) * order)
            tried = np.clip(shrunk.astype(np.int64), 0, wanted)
            tried[:, branches] = np.where(middle > LAST * order, wanted, 0)[:, branches]
            kept = self.inside(tried)
            best[kept] = tried[kept]
            low, high = np.where(kept, middle[:, 0], low), np.where(kept, high, middle[:, 0])
        fitted[over] = self.canonical(best)
        return fitted

    def canonical(self, levels: Levels) -> Levels:
        """Rows that are the same network become the same row, see :meth:`SearchSpace.canonical`."""
        if not self.space.within:
            return np.array(levels)
        return self.levels(self.space.canonical(self.widths(levels)))

    def random(self, count: int, rng: np.random.Generator) -> Levels:
        """``count`` random rows that fit, from nearly all narrow to nearly all wide.

        Of many groups, those of a kind are drawn alike: by themselves they would all come out
        much the same.
        """
        tilt = np.exp(rng.uniform(-1.5, 1.5, (count, 1)))
        if self.profiles.shape[0] > self.profiles.shape[1]:
            tilt = tilt * np.exp(self.courses(count, rng))
        shares = rng.random((count, len(self.tops))) ** tilt
        return self.repair(np.floor(shares * (self.tops + 1)).astype(np.int64), rng)

    @cached_property
    def profiles(self) -> Vector:
        """What each group adds to each profile: (groups, profiles)."""
        return profiles_of(self.space.groups)

    def courses(self, count: int, rng: np.random.Generator) -> Vector:
        """Sums of all profiles with normal weights: (``count``, groups)."""
        drawn: Vector = rng.normal(size=(count, self.profiles.shape[1])) @ self.profiles.T
        return drawn

    @cached_property
    def everything(self) -> Levels:
        """Every row that fits; for spaces small enough to hold."""
        axes = [np.arange(top + 1) for top in self.tops]
        levels = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
        levels = levels[(self.canonical(levels) == levels).all(axis=1)]
        fitting: Levels = levels[self.inside(levels)]
        return fitting

    def features(self, levels: Levels) -> Vector:
        """Logarithms of the widths, each group's choices at mean 0 and variance 1, by profile.

        Of the two widths of a residual branch, any would do. (n, profiles)
        """
        alone: Vector = self._features[np.arange(len(self.tops)), levels]
        features: Vector = alone @ (self.profiles / np.abs(self.profiles).sum(axis=0))
        return features

    @cached_property
    def _features(self) -> Vector:
        table = np.zeros(self._widths.shape)
        for row, widths in zip(table, self.space.choices, strict=True):
            logs = np.log(np.maximum(widths, 0.5))
            row[: len(widths)] = (logs - logs.mean()) / (logs.std() or 1.0)
        return table
