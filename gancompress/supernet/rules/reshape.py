"""Reshapes: which dimension carries the channels afterwards."""

from collections.abc import Sequence

import numpy as np

from gancompress.supernet.axes import Dims, Ids
from gancompress.supernet.trace import Operator, Walk


def view(walk: Walk, op: Operator) -> Sequence[Dims]:
    """``view`` and ``reshape``, block by block: runs of dimensions with equally many elements."""
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
    the program left open (-1), the longest. ``first``: index of the block's first dimension.
    """
    varying = [
        d
        for d, size in enumerate(grid.shape)
        if size > 1 and (grid != np.take(grid, [0], axis=d)).any()
    ]
    result: list[Ids | None] = [None] * grid.ndim
    if not varying:
        return result
    carrier = max(varying, key=lambda d: grid.shape[d])
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
