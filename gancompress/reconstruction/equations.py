"""Least squares in a stream: Gram matrices, a ridge chosen on held-out columns, Cholesky.

For columns A (rows, n) and targets Y (outputs, n), the weights W (rows, outputs) that minimise
``|W.T A - Y|² + r |W - W0|²`` solve ``(A A.T + r) W = A Y.T + r W0``. Only the products are kept,
so any number of columns costs the memory of one matrix; and the error of *any* W on them follows
from the products alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

# Of the mean of the Gram matrix's diagonal.
RIDGES = (1e-8, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)

# By which share the error must fall, so that nothing is changed by rounding.
GAIN = 1e-3


@dataclass(frozen=True)
class Solution:
    """What came of the equations of one layer.

    Attributes:
        matrix: (groups, rows, outputs), float64.
        before, after: mean squared error of the weights that were, and of those in ``matrix``, over
            the targets' variance, on the columns held out.
        changed: whether ``matrix`` is any better than what was.
    """

    matrix: Tensor
    before: float
    after: float
    changed: bool


class Equations:
    """The products of columns and targets, those held out apart.

    Shapes: columns (groups, rows, n), targets (groups, outputs, n), held-out flags (n,).
    """

    def __init__(self) -> None:
        self._fit = _Products()
        self._held = _Products()

    def add(self, columns: Tensor, targets: Tensor, held: Tensor) -> None:
        """Take in more columns."""
        if not columns.dtype.is_floating_point or columns.dtype.itemsize < 4:
            columns = columns.float()
        targets = targets.to(columns.dtype)
        (fit, kept), (fit_targets, kept_targets) = split(columns, held), split(targets, held)
        self._fit.add(fit, fit_targets)
        self._held.add(kept, kept_targets)

    def solve(self, start: Tensor, ridges: Sequence[float] = RIDGES) -> Solution:
        """The best weights, near ``start`` (groups, rows, outputs) where the columns say little.

        For every group of channels the ridge is the one of least held-out error. Where none beats
        ``start`` there, ``start`` stays. ``ridges`` are in parts of the mean diagonal.
        """
        start = start.double()
        fit, held = self._fit, self._held
        begun = held.errors(start)
        least, best = begun * (1 - GAIN), torch.zeros(len(start), device=start.device)
        found: dict[int, float] = {}
        number: int | None = len(ridges) // 2
        while number is not None:
            errors = held.errors(solve_ridge(fit.gram, fit.right, start, ridges[number]))
            found[number] = float(errors.sum())
            better = errors < least
            best = torch.where(better, ridges[number], best)
            least = torch.where(better, errors, least)
            number = _next(found, len(ridges))
        gram, right = fit.gram + held.gram, fit.right + held.right
        matrix = start.clone()
        for ridge in sorted(set(best.tolist())):
            if ridge > 0:
                chosen = best == ridge
                solved = solve_ridge(gram[chosen], right[chosen], start[chosen], ridge)
                matrix[chosen] = torch.where(solved.isfinite().all(), solved, start[chosen])
        scale = max(float(held.variance()), 1e-30)
        changed = bool((best > 0).any())
        after = torch.where(best > 0, least, begun)
        return Solution(matrix, float(begun.sum()) / scale, float(after.sum()) / scale, changed)


def split(columns: Tensor, held: Tensor) -> tuple[Tensor, Tensor]:
    """The columns (…, n) that are not ``held`` (n,), and those that are."""
    fit = len(held) - int(held.sum())
    if bool(held[fit:].all()):
        return columns[..., :fit], columns[..., fit:]
    return columns[..., ~held], columns[..., held]


def _next(found: dict[int, float], count: int) -> int | None:
    """Which of ``count`` ridges to try after those in ``found``: neighbours of the best so far."""
    best = min(found, key=lambda number: found[number])
    beside = (n for n in (best + 1, best - 1) if 0 <= n < count and n not in found)
    return next(beside, None)


def solve_ridge(gram: Tensor, right: Tensor, start: Tensor, ridge: float) -> Tensor:
    """Weights for one ridge; NaN where the matrix is not positive definite even so."""
    size = gram.diagonal(dim1=1, dim2=2).mean(1).clamp_min(1e-30) * ridge
    damped = gram + torch.diag_embed(size[:, None].expand(-1, gram.shape[1]))
    factor, failed = torch.linalg.cholesky_ex(damped)
    solved = torch.cholesky_solve(right + size[:, None, None] * start, factor)
    return torch.where((failed > 0)[:, None, None], torch.nan, solved)


def square(columns: Tensor) -> Tensor:
    """``columns @ columns.mT``; of what is symmetric, little more than one half is computed."""
    rows = columns.shape[1]
    each = max(rows // 8, 96)
    if rows < 2 * each:
        return columns @ columns.mT
    result = columns.new_empty(columns.shape[0], rows, rows)
    for first in range(0, rows, each):
        part = columns[:, first : first + each]
        strip = part @ columns[:, first:].mT
        result[:, first : first + each, first:] = strip
        result[:, first:, first : first + each] = strip.mT
    return result


class _Products:
    """Sums over columns: A A.T, A Y.T, Y², Y and the number of columns."""

    def __init__(self) -> None:
        self.gram = self.right = self._squares = self._sums = torch.zeros(())
        self._count = 0

    def add(self, columns: Tensor, targets: Tensor) -> None:
        self.gram = self.gram + square(columns).double()
        self.right = self.right + (columns @ targets.mT).double()
        self._squares = self._squares + targets.double().square().sum(2)
        self._sums = self._sums + targets.double().sum(2)
        self._count += columns.shape[2]

    def errors(self, weights: Tensor) -> Tensor:
        """Squared error of ``weights``, summed over columns and outputs, for every group."""
        fitted = (weights * (self.gram @ weights - 2 * self.right)).sum((1, 2))
        errors = (fitted + self._squares.sum(1)).clamp_min(0.0)
        return torch.where(errors.isfinite(), errors, torch.inf)

    def variance(self) -> Tensor:
        """Squared deviation of the targets from their mean, summed over columns and outputs."""
        return (self._squares - self._sums.square() / max(self._count, 1)).sum()
