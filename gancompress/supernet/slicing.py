"""Cutting tensors to a subnet's widths.

A slice that is leading and contiguous is a view. Parameters that are trained are cut by one
autograd node each, whose backward writes the gradient into a zero-filled full one: half the work
of the chain of ``narrow`` nodes (one per dimension, each of which fills and copies) and nothing
else to notice, so that optimisers, DistributedDataParallel and gradient scalers see ordinary
full-size gradients.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gancompress.batch import onto
from gancompress.supernet.axes import Axes, Axis, Ids

# How one dimension is cut: its leading n positions, or a list of positions.
Cut = int | NDArray[np.int64]

# How every dimension of a tensor is cut.
Cuts = tuple[Cut | None, ...]

# Up to so many pieces are copied one by one, which is faster than by an index.
_FEW = 4


def plan(axes: Mapping[str, Axes], widths: Ids) -> dict[str, tuple[Cut | None, ...]]:
    """For every tensor that gets smaller at ``widths`` how each dimension is cut."""
    known: dict[int, Cut | None] = {}
    result: dict[str, tuple[Cut | None, ...]] = {}
    for name, dims in axes.items():
        cuts = tuple(_cut(axis, widths, known) for axis in dims)
        if any(cut is not None for cut in cuts):
            result[name] = cuts
    return result


def _cut(axis: Axis | None, widths: Ids, known: dict[int, Cut | None]) -> Cut | None:
    if axis is None:
        return None
    if id(axis) not in known:
        keep = axis.keep(widths)
        count = int(keep.sum())
        if count == axis.size:
            known[id(axis)] = None
        else:
            known[id(axis)] = count if keep[:count].all() else np.flatnonzero(keep)
    return known[id(axis)]


def cut_size(size: int, cut: Cut | None) -> int:
    """How long a dimension of ``size`` is once it is cut."""
    if cut is None:
        return size
    return cut if isinstance(cut, int) else int(cut.size)


def cut_tensor(tensor: Tensor, cuts: Sequence[Cut | None]) -> Tensor:
    """``tensor`` with every dimension cut: contiguous, and a view where that is possible.

    Contiguous, because forward passes may call ``view`` on their weights, and because kernels would
    make contiguous copies of their own, once forward and twice backward.
    """
    return _cut_dimensions(tensor, cuts).contiguous()


def _cut_dimensions(tensor: Tensor, cuts: Sequence[Cut | None]) -> Tensor:
    for dim, cut in enumerate(cuts):
        if isinstance(cut, int):
            tensor = tensor.narrow(dim, 0, cut)
        elif cut is not None:
            tensor = _pick(tensor, dim, cut)
    return tensor


def _pick(tensor: Tensor, dim: int, positions: NDArray[np.int64]) -> Tensor:
    runs = _runs(positions)
    if len(runs) <= _FEW:
        return torch.cat([tensor.narrow(dim, int(r[0]), r.size) for r in runs], dim)
    return tensor.index_select(dim, onto(torch.from_numpy(positions), tensor.device))


def _put(full: Tensor, cuts: Sequence[Cut | None], part: Tensor) -> None:
    """Write ``part`` into the places of ``full`` that ``cuts`` picks."""
    view = _cut_dimensions(full, [cut if isinstance(cut, int) else None for cut in cuts])
    picked = [(d, cut) for d, cut in enumerate(cuts) if isinstance(cut, np.ndarray)]
    # The dimension in most pieces comes last, where one operator can write all of them.
    _put_runs(view, sorted(picked, key=lambda pick: len(_runs(pick[1]))), part)


def _put_runs(full: Tensor, picked: Sequence[tuple[int, NDArray[np.int64]]], part: Tensor) -> None:
    if not picked:
        full.copy_(part)
        return
    (dim, positions), *rest = picked
    runs = _runs(positions)
    if not rest and len(runs) > _FEW:
        full.index_copy_(dim, onto(torch.from_numpy(positions), full.device), part)
        return
    start = 0
    for run in runs:
        piece = part.narrow(dim, start, run.size)
        _put_runs(full.narrow(dim, int(run[0]), run.size), rest, piece)
        start += run.size


def _runs(positions: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Ascending positions in pieces without gaps, such as the halves of a gated unit."""
    return np.split(positions, np.flatnonzero(np.diff(positions) != 1) + 1)


class _Cut(torch.autograd.Function):
    """A slice of a parameter whose gradient is full-size, zero outside the slice."""

    @staticmethod
    def forward(ctx: Any, full: Tensor, cuts: Sequence[Cut | None]) -> Tensor:
        ctx.cuts, ctx.shape = cuts, full.shape
        return cut_tensor(full, cuts)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, None]:
        full = gradients[0].new_zeros(ctx.shape)
        _put(full, ctx.cuts, gradients[0])
        return full, None


def cut_all(
    tensors: Mapping[str, Tensor], cuts: Mapping[str, tuple[Cut | None, ...]]
) -> dict[str, Tensor]:
    """The tensors named in ``cuts``, cut; trainable ones so that gradients flow back."""
    result: dict[str, Tensor] = {}
    for name, dims in cuts.items():
        tensor = tensors[name]
        if tensor.requires_grad and torch.is_grad_enabled():
            result[name] = _Cut.apply(tensor, dims)
        else:
            result[name] = cut_tensor(tensor, dims)
    return result


def write_back(
    buffers: Mapping[str, Tensor],
    parts: Mapping[str, Tensor],
    cuts: Mapping[str, tuple[Cut | None, ...]],
) -> None:
    """Bring what a run wrote into sliced buffers (running statistics) back into the full ones.

    Slices that are views need nothing. As with PyTorch's own batch norm, the writing is not
    counted as a change of the buffer: several subnets may run before the first goes backward.
    """
    for name, full in buffers.items():
        if name in cuts and not _shares_memory(parts[name], full):
            _put(full.data, cuts[name], parts[name].data)


def _shares_memory(a: Tensor, b: Tensor) -> bool:
    return a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()
