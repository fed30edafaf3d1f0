"""Operators that move elements about: they carry ids to new places."""

from collections.abc import Sequence

import numpy as np

from gancompress.supernet.axes import Dims, Ids
from gancompress.supernet.rules.elementwise import FIXED, line_up, unknown
from gancompress.supernet.trace import Operator, Walk


def carry(dims: Sequence[Ids | None], order: Sequence[int]) -> Sequence[Dims]:
    """One result whose dimensions are those of the operand in another order."""
    return [tuple(dims[d] for d in order)]


def permute(walk: Walk, op: Operator) -> Sequence[Dims]:
    """``permute``."""
    dims = walk.dims(op["self"])
    return carry(dims, [d % len(dims) for d in op["dims"]])


def transpose(walk: Walk, op: Operator) -> Sequence[Dims]:
    """``transpose`` and ``t``."""
    dims = walk.dims(op["self"])
    order = list(range(len(dims)))
    if len(dims) > 1:
        a, b = (0, 1) if op.name.rstrip("_") == "t" else (op["dim0"], op["dim1"])
        order[a], order[b] = order[b], order[a]
    return carry(dims, order)


def unsqueeze(walk: Walk, op: Operator) -> Sequence[Dims]:
    """``unsqueeze``."""
    dims = list(walk.dims(op["self"]))
    dims.insert(op["dim"] % (len(dims) + 1), None)
    return [tuple(dims)]


def squeeze(walk: Walk, op: Operator) -> Sequence[Dims]:
    """``squeeze`` with and without dimensions."""
    source = op["self"]
    chosen = op.get("dim")
    if chosen is None:
        gone = set(range(source.dim()))
    else:
        gone = {d % max(source.dim(), 1) for d in np.atleast_1d(chosen).tolist()}
    keep = [d for d in range(source.dim()) if d not in gone or source.shape[d] != 1]
    return carry(walk.dims(source), keep)


def expand(walk: Walk, op: Operator) -> Sequence[Dims]:
    """``expand``: a dimension of size 1 grows to whatever its companions have."""
    source, out = op["self"], op.out
    lead = out.dim() - source.dim()
    dims: list[Ids | None] = []
    for d, size in enumerate(out.shape):
        grown = d < lead or source.shape[d - lead] != size
        if grown:
            dims.append(walk.ids.fresh(size, supple=True) if size > 1 else None)
        else:
            dims.append(walk.dims(source)[d - lead])
    return [tuple(dims)]


def repeat(walk: Walk, op: Operator) -> Sequence[Dims]:
    """``repeat``: tiles ids."""
    source, times = op["self"], op["repeats"]
    lead = len(times) - source.dim()
    dims: list[Ids | None] = []
    for d, count in enumerate(times):
        ids = walk.dims(source)[d - lead] if d >= lead else None
        if ids is not None:
            dims.append(np.tile(ids, count))
        elif count > 1 and (d < lead or source.shape[d - lead] == 1):
            dims.append(walk.ids.fresh(count, supple=True))
        else:
            dims.append(None)
    return [tuple(dims)]


def concatenate(walk: Walk, op: Operator) -> Sequence[Dims]:
    """``cat``: joins ids; a piece of fixed size keeps its place."""
    pieces = [t for t in op["tensors"] if t.dim() == op.out.dim()]
    along = op["dim"] % op.out.dim()
    dims: list[Ids | None] = []
    for d in range(op.out.dim()):
        vectors = [walk.dims(t)[d] for t in pieces]
        if d != along:
            dims.append(walk.merge(vectors, FIXED))
        elif all(v is None for v in vectors):
            dims.append(None)
        else:
            walk.joints.update(int(v[0]) for v in vectors[1:] if v is not None)
            sizes = [t.shape[d] for t in pieces]
            dims.append(
                np.concatenate(
                    [
                        _constant(walk, size) if v is None else v
                        for v, size in zip(vectors, sizes, strict=True)
                    ]
                )
            )
    return [tuple(dims)]


def _constant(walk: Walk, size: int) -> Ids:
    ids = walk.ids.fresh(size)
    walk.pin(ids, FIXED)
    return ids


def stack(walk: Walk, op: Operator) -> Sequence[Dims]:
    """``stack``."""
    pieces = op["tensors"]
    dims = list(line_up(walk, pieces, pieces[0].shape))
    dims.insert(op["dim"] % op.out.dim(), None)
    return [tuple(dims)]


def split(walk: Walk, op: Operator) -> Sequence[Dims]:
    """``chunk`` and ``split``; equal parts are tied, as those of a narrower tensor are."""
    source, along = op["self"], op["dim"] % op["self"].dim()
    dims = walk.dims(source)
    ids = dims[along]
    parts: list[Ids | None] = []
    start = 0
    for out in op.outputs:
        size = out.shape[along]
        parts.append(None if ids is None else ids[start : start + size])
        start += size
    vectors = [part for part in parts if part is not None]
    if vectors and all(part.size == vectors[0].size for part in vectors):
        walk.merge(vectors, FIXED)
    return [(*dims[:along], part, *dims[along + 1 :]) for part in parts]


def cut(walk: Walk, op: Operator) -> Sequence[Dims]:
    """``slice``: ``x[:, a:b:s]``."""
    source, along = op["self"], op["dim"] % op["self"].dim()
    dims = list(walk.dims(source))
    ids = dims[along]
    if ids is not None:
        dims[along] = ids[slice(op["start"], op["end"], op["step"])]
    return [tuple(dims)]


def select(walk: Walk, op: Operator) -> Sequence[Dims]:
    """``x[:, i]``: one channel, and its dimension is gone."""
    dims, along = walk.dims(op["self"]), op["dim"] % op["self"].dim()
    return [(*dims[:along], *dims[along + 1 :])]


def unbind(walk: Walk, op: Operator) -> Sequence[Dims]:
    """``unbind``: one result per index, so the number of indices is fixed."""
    dims, along = walk.dims(op["self"]), op["dim"] % op["self"].dim()
    walk.pin(dims[along], "taken apart index by index")
    return [(*dims[:along], *dims[along + 1 :]) for _ in op.outputs]


def flip(walk: Walk, op: Operator) -> Sequence[Dims]:
    """``flip``."""
    dims = list(walk.dims(op["self"]))
    for d in op["dims"]:
        ids = dims[d]
        dims[d] = None if ids is None else ids[::-1].copy()
    return [tuple(dims)]


def restride(walk: Walk, op: Operator) -> Sequence[Dims]:
    """``as_strided``: understood where only the memory layout changes."""
    if tuple(op["size"]) != tuple(op.tensors[0].shape):
        return unknown(walk, op)
    return [walk.dims(op.tensors[0])]


def glu(walk: Walk, op: Operator) -> Sequence[Dims]:
    """``glu``: the two halves gate each other."""
    dims, along = list(walk.dims(op["self"])), op["dim"]
    ids = dims[along]
    if ids is not None:
        half = ids.size // 2
        walk.ids.tie(ids[:half], ids[half:])
        dims[along] = ids[:half]
    return [tuple(dims)]


def pixel_shuffle(walk: Walk, op: Operator) -> Sequence[Dims]:
    """``pixel_shuffle``: r² channels become one channel of r×r positions."""
    *batch, ids, _, _ = walk.dims(op["self"])
    if ids is not None:
        blocks = ids.reshape(-1, op["upscale_factor"] ** 2)
        walk.ids.tie(blocks, blocks[:, :1])
        ids = blocks[:, 0]
    return [(*batch, ids, None, None)]


def pixel_unshuffle(walk: Walk, op: Operator) -> Sequence[Dims]:
    """``pixel_unshuffle``: each channel becomes r²."""
    *batch, ids, _, _ = walk.dims(op["self"])
    if ids is not None:
        ids = np.repeat(ids, op["downscale_factor"] ** 2)
    return [(*batch, ids, None, None)]


def pad(walk: Walk, op: Operator) -> Sequence[Dims]:
    """``constant_pad_nd``; padded channels are always there."""
    dims, widths = list(walk.dims(op["self"])), op["pad"]
    for back in range(len(widths) // 2):
        before, after = widths[2 * back : 2 * back + 2]
        ids = dims[-1 - back]
        if ids is not None and (before or after):
            if min(before, after) < 0:
                walk.pin(ids, "is cropped by a negative padding")
            inner = ids[max(-before, 0) : ids.size - max(-after, 0)]
            parts = [_constant(walk, max(before, 0)), inner, _constant(walk, max(after, 0))]
            dims[-1 - back] = np.concatenate(parts)
    return [tuple(dims)]


def resample(walk: Walk, op: Operator) -> Sequence[Dims]:
    """Pooling, interpolation, reflection: dimensions that keep their size keep channels."""
    source = op.tensors[0]
    results: list[Dims] = []
    for out in op.outputs:
        dims: list[Ids | None] = []
        for ids, size, now in zip(walk.dims(source), source.shape, out.shape, strict=True):
            if size != now:
                walk.pin_kernel(ids)
            dims.append(ids if size == now else None)
        results.append(tuple(dims))
    return results
