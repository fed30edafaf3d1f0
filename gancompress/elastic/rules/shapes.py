"""Operators that move elements about: they carry ids to new places."""

from collections.abc import Sequence

import numpy as np

from gancompress.elastic.axes import Dims, Ids
from gancompress.elastic.rules.elementwise import FIXED, line_up
from gancompress.elastic.trace import Operator, Walk


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
    """``chunk`` and ``split``. Equal parts are tied: chunking a narrower tensor gives equal parts."""
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
    return [
        (*batch, None if ids is None else np.repeat(ids, op["downscale_factor"] ** 2), None, None)
    ]


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
    """Reflection padding, pooling and interpolation: dimensions that keep their size keep their channels."""
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


def view(walk: Walk, op: Operator) -> Sequence[Dims]:
    """``view`` and ``reshape``, block by block: runs of dimensions with the same number of elements."""
    source, out = op["self"], op.out
    wanted = op.get("size", op.get("shape"))
    dims = walk.dims(source)
    result: list[Ids | None] = []
    for before, after in _blocks(source.shape, out.shape):
        shape = [source.shape[d] for d in before]
        target = [out.shape[d] for d in after]
        inferred = next((i for i, d in enumerate(after) if wanted[d] == -1), None)
        vectors = [dims[d] for d in before]
        first = after[0] if after else 0
        result.extend(_reshape_block(walk, vectors, shape, target, inferred, first))
    return [tuple(result)]


def _blocks(a: Sequence[int], b: Sequence[int]) -> list[tuple[list[int], list[int]]]:
    """The finest runs of dimensions of shapes ``a`` and ``b`` that hold equally many elements."""
    blocks = []
    i = j = 0
    while i < len(a) or j < len(b):
        left, right = ([i], [j]) if i < len(a) and j < len(b) else ([], [])
        if not left:
            blocks.append((list(range(i, len(a))), list(range(j, len(b)))))
            break
        i, j = i + 1, j + 1
        size, other = a[left[0]], b[right[0]]
        while size != other:
            if size < other:
                size *= a[i]
                left.append(i)
                i += 1
            else:
                other *= b[j]
                right.append(j)
                j += 1
        blocks.append((left, right))
    return blocks


def _reshape_block(
    walk: Walk,
    vectors: Sequence[Ids | None],
    shape: Sequence[int],
    target: Sequence[int],
    inferred: int | None,
    first: int,
) -> list[Ids | None]:
    bearing = [d for d, v in enumerate(vectors) if v is not None]
    if not bearing:
        return [None] * len(target)
    if len(bearing) > 1:
        bearing = _settle(walk, vectors, bearing)
        if len(bearing) != 1:
            return [walk.ids.fresh(s) if s > 1 and walk.scouting else None for s in target]
    d = bearing[0]
    ids = vectors[d]
    assert ids is not None
    spread = ids.reshape([-1 if k == d else 1 for k in range(len(shape))])
    grid = np.broadcast_to(spread, shape).reshape(target)
    return _choose(walk, grid, inferred, first)


def _settle(walk: Walk, vectors: Sequence[Ids | None], bearing: list[int]) -> list[int]:
    """Several dimensions with ids are flattened together: one must be the channels."""
    firm = [d for d in bearing if not walk.ids.is_supple(_some(vectors[d]))]
    if walk.scouting:
        return firm
    if len(firm) != 1:
        for d in bearing:
            walk.pin(vectors[d], "is flattened together with another dimension of channels")
        return []
    for d in bearing:
        if d not in firm:
            walk.pin(vectors[d], "spatial positions, not channels")
    return firm


def _some(ids: Ids | None) -> Ids:
    assert ids is not None
    return ids


def _choose(walk: Walk, grid: Ids, inferred: int | None, first: int) -> list[Ids | None]:
    """Which dimension of ``grid`` (ids at every position) carries the channels.

    Where several could, in this order: what running a subnet has shown (``walk.hints``), the one
    the program left open (-1), the outermost. ``first``: index of the block's first dimension.
    """
    varying = [
        d
        for d, size in enumerate(grid.shape)
        if size > 1 and (grid != np.take(grid, [0], axis=d)).any()
    ]
    result: list[Ids | None] = [None] * grid.ndim
    if not varying:
        return result
    carrier = varying[0]
    if len(varying) > 1:
        hint = walk.decide()
        if hint is not None and hint - first in varying:
            carrier = hint - first
        elif inferred in varying:
            carrier = inferred
    line = np.moveaxis(grid, carrier, 0).reshape(grid.shape[carrier], -1)
    if len(varying) > 1:
        walk.ids.tie(line, line[:, :1])
    result[carrier] = line[:, 0].copy()
    return result
