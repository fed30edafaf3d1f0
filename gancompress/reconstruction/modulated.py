"""Modulated convolutions (Karras et al. 2020, StyleGAN2): one weight under a style of each sample.

Such a layer gives ``d(W) · W.T A`` for columns A of inputs times styles s, where d is one over the
norm of W under the styles, for every sample and output channel. No size of W changes that, and the
weights of a subnet have other norms than the teacher's. So the teacher's outputs after the
demodulation are met. With d held as it is for the weights so far, the best weights follow from
least squares; then d is renewed. Of several ridges the one of least error (with the demodulation of
its own weights) on inputs held out is taken for every output channel by itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gancompress.reconstruction.equations import GAIN, Solution, solve_ridge, split, square
from gancompress.reconstruction.layer import Modulation
from gancompress.reconstruction.modulation import spread

# How often the demodulation is renewed.
ROUNDS = 3
# In parts of the mean of the Gram matrix's diagonal.
RIDGES = (1e-6, 1e-4, 1e-3, 1e-2, 1e-1)


@dataclass(frozen=True)
class Part:
    """Equations of one batch.

    Attributes:
        columns: gives (blocks, rows, N × S), anew each time.
        targets: (blocks, outputs, N × S).
        held: (N × S,) which are held out.
        modulation: of the batch; None where the layer has none.
    """

    columns: Callable[[], Tensor]
    targets: Tensor
    held: Tensor
    modulation: Modulation | None

    def factors(self, matrix: Tensor) -> Tensor:
        """Of the outputs: (outputs, N × S)."""
        assert self.modulation is not None
        return spread(self.modulation.factors(matrix), len(self.held))


def solve_modulated(parts: Sequence[Part], start: Tensor) -> Solution:
    """The weights of least error after the demodulation, ``start`` (blocks, rows, outputs) where
    none are better; every output channel by itself."""
    start = start.double()
    best, begun = start, _errors(parts, [start])[0]
    least = begun.clone()
    gram = sum((square(split(p.columns(), p.held)[0]).double() for p in parts), torch.zeros(()))
    for _ in range(ROUNDS):
        right = sum((_right(part, best) for part in parts), torch.zeros(()))
        tried = [m for ridge in RIDGES for m in _tried(gram, right, best, ridge)]
        errors = torch.stack(_errors(parts, tried))
        lowest, which = errors.min(0)
        better = lowest < least * (1 - GAIN)
        if not bool(better.any()):
            break
        chosen = torch.stack(tried)[which, :, :, torch.arange(len(which))].permute(1, 2, 0)
        best = torch.where(better, chosen, best)
        least = torch.where(better, lowest, least)
    held = torch.cat([split(part.targets, part.held)[1] for part in parts], 2).double()
    scale = max(float((held - held.mean(2, keepdim=True)).square().sum()), 1e-30)
    changed = bool((least < begun).any())
    return Solution(best, float(begun.sum()) / scale, float(least.sum()) / scale, changed)


def _tried(gram: Tensor, right: Tensor, start: Tensor, ridge: float) -> tuple[Tensor, ...]:
    """The weights nearest to ``start``, and those of the least size: with more of a ridge towards
    these, the outputs lose less by the demodulation."""
    both = torch.cat([right, right], 2), torch.cat([start, torch.zeros_like(start)], 2)
    return solve_ridge(gram, *both, ridge).chunk(2, 2)


def _right(part: Part, matrix: Tensor) -> Tensor:
    """Products of columns and of what the targets are before the demodulation by ``matrix``."""
    targets = part.targets / part.factors(matrix).to(part.targets)
    columns, targets = (split(both, part.held)[0] for both in (part.columns(), targets))
    return (columns @ targets.mT).double()


def _errors(parts: Sequence[Part], matrices: Sequence[Tensor]) -> list[Tensor]:
    """Squared errors after the demodulation on what is held out, for every output channel."""
    found = [torch.zeros(m.shape[2], dtype=torch.double, device=m.device) for m in matrices]
    for part in parts:
        columns, targets = (split(both, part.held)[1] for both in (part.columns(), part.targets))
        for number, matrix in enumerate(matrices):
            factors = split(part.factors(matrix).to(columns), part.held)[1]
            made = matrix.to(columns).mT @ columns * factors
            found[number] += (made - targets).double().square().sum((0, 2))
    return [torch.where(errors.isfinite(), errors, torch.inf) for errors in found]
