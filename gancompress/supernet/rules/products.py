"""Convolutions and matrix products: they sum over channels, and are what a network costs."""

from collections.abc import Sequence
from math import prod

import numpy as np
from torch import Tensor

from gancompress.supernet.axes import Dims, Ids
from gancompress.supernet.rules.elementwise import FIXED
from gancompress.supernet.trace import Operator, Product, Walk

INPUT = "takes in a fixed number of channels (an input of the network or a constant)"


def count(
    walk: Walk,
    op: Operator,
    sizes: Sequence[tuple[int, Ids | None]],
    constant: int = 1,
    paper: int | None = None,
) -> None:
    """Note ``constant × Π sizes`` multiply-adds; ``paper`` replaces the constant in papers."""
    fixed = prod(size for size, ids in sizes if ids is None)
    factors = tuple(ids for _, ids in sizes if ids is not None)
    paper = constant if paper is None else paper
    walk.products.append(
        Product(
            module=walk.module,
            op=op.name,
            constant=constant * fixed,
            paper_constant=paper * fixed,
            factors=factors,
        )
    )


def sized(walk: Walk, tensor: Tensor, *dims: int) -> list[tuple[int, Ids | None]]:
    """Sizes of some dimensions of a tensor, each with its channel ids."""
    return [(tensor.shape[d], walk.dims(tensor)[d]) for d in dims]


def convolution(walk: Walk, op: Operator) -> Sequence[Dims]:
    """Convolutions of any dimension, transposed or not, with any number of groups."""
    source, weight, bias = op["input"], op["weight"], op["bias"]
    spatial = range(2, weight.dim())
    for d in spatial:
        walk.pin_kernel(walk.dims(weight)[d])
        walk.pin_kernel(walk.dims(source)[d])
    kernel = prod(weight.shape[2:])
    where = source if op["transposed"] else op.out
    # Channels may have been folded into the batch.
    sizes = [*sized(walk, source, 0), *sized(walk, weight, 0, 1)]
    positions, paper = prod(where.shape[2:]), prod(op.out.shape[2:])
    count(walk, op, sizes, kernel * positions, kernel * paper)
    taken, made = walk.dims(weight)[1], walk.dims(weight)[0]
    if op["transposed"]:
        taken, made = made, taken
    groups = op["groups"]
    if groups == 1:
        walk.merge(_lengthy((source, 1), (weight, 0 if op["transposed"] else 1), walk), INPUT)
        result = made
    else:
        result = _grouped(walk, op, walk.dims(source)[1], groups)
    if bias is not None and result is not None:
        walk.merge([result, walk.dims(bias)[0]], FIXED)
    return [(walk.dims(source)[0], result, *(None for _ in spatial))]


def _lengthy(a: tuple[Tensor, int], b: tuple[Tensor, int], walk: Walk) -> list[Ids | None]:
    """The ids of two dimensions of equal size; none where the size is 1."""
    return [walk.dims(t)[d] for t, d in (a, b) if t.shape[d] != 1]


def _grouped(walk: Walk, op: Operator, source: Ids | None, groups: int) -> Ids | None:
    """Ids of the output of a grouped convolution.

    Either whole groups are removed (the module's ``groups`` follows; depthwise convolutions are the
    extreme) or the j-th channel of every group; whichever leaves the finer steps. StyleGAN2 puts
    the batch into groups, so that the j-th channels are already the same one.
    """
    weight, transposed = op["weight"], op["transposed"]
    per_in = op["input"].shape[1] // groups
    outer, inner = walk.dims(weight)[0], walk.dims(weight)[1]
    if inner is not None:
        walk.ids.partial.update(inner.tolist())
    follows = _module_has(walk, "groups", groups)
    whole = per_in == 1 or (follows and per_in <= groups and not _is_tiled(source, groups))
    if source is None or outer is None:
        for ids in (source, outer, inner):
            walk.pin(ids, INPUT)
        return None if transposed or outer is None else outer
    blocks, rows = source.reshape(groups, -1), outer.reshape(groups, -1)
    if whole:
        walk.pin(inner, "is the number of channels in a group of a grouped convolution")
        leads = blocks[:, :1]
        walk.ids.tie(blocks, leads)
        walk.ids.tie(rows, leads)
        if follows:
            walk.attribute("groups", [(groups, leads[:, 0].copy())])
        if not transposed:
            return outer
        return np.repeat(leads[:, 0], op.out.shape[1] // groups)
    walk.ids.tie(blocks, blocks[:1])
    walk.ids.tie(rows, rows[:1])
    if transposed:
        walk.ids.tie(rows, blocks)
        return None if inner is None else np.tile(inner, groups)
    if inner is not None:
        walk.ids.tie(blocks[0], inner)
    else:
        walk.pin(blocks[0], "is the only channel of its convolution group")
    return outer


def _is_tiled(ids: Ids | None, groups: int) -> bool:
    if ids is None:
        return False
    blocks = ids.reshape(groups, -1)
    return bool((blocks == blocks[:1]).all())


def _module_has(walk: Walk, name: str, value: int) -> bool:
    return bool(walk.modules) and getattr(walk.modules[-1][1], name, None) == value


def matmul(walk: Walk, op: Operator) -> Sequence[Dims]:
    """``mm``, ``bmm``, ``mv``, ``dot`` and their forms with an added bias."""
    if op.name in ("mv", "addmv"):
        left, right = op.get("mat", op["self"]), op["vec"]
    elif op.name in ("dot", "vdot"):
        left, right = op["self"], op.get("tensor", op.get("other"))
    elif op.name in ("addmm", "_addmm_activation"):
        left, right = op["mat1"], op["mat2"]
    elif op.name == "baddbmm":
        left, right = op["batch1"], op["batch2"]
    else:
        left, right = op["self"], op["mat2"]
    a, b = walk.dims(left), walk.dims(right)
    inner = -2 if right.dim() > 1 else 0
    if left.shape[-1] != 1:
        walk.merge([a[-1], b[inner]], INPUT)
    batch = [walk.merge([a[0], b[0]], FIXED)] if left.dim() == 3 else []
    out = (*batch, *a[-2:-1], *(b[-1:] if right.dim() > 1 else ()))
    if left.dim() > 1 and right.dim() > 1:
        count(walk, op, [*sized(walk, left, *range(left.dim())), (right.shape[-1], b[-1])])
    if op.name in ("addmm", "baddbmm", "addmv", "_addmm_activation"):
        _add_bias(walk, op["self"], out)
    return [out]


def _add_bias(walk: Walk, bias: Tensor, out: Dims) -> None:
    for back in range(1, bias.dim() + 1):
        if bias.shape[-back] != 1:
            walk.merge([out[-back], walk.dims(bias)[-back]], FIXED)


def bilinear(walk: Walk, op: Operator) -> Sequence[Dims]:
    """``bilinear``: out[o] = left · weight[o] · right."""
    left, right, weight = op["input1"], op["input2"], op["weight"]
    walk.merge(_lengthy((left, -1), (weight, 1), walk), INPUT)
    walk.merge(_lengthy((right, -1), (weight, 2), walk), INPUT)
    rows = sized(walk, left, *range(left.dim() - 1))
    count(walk, op, [*rows, *sized(walk, weight, 0, 1, 2)])
    made = walk.dims(weight)[0]
    if op["bias"] is not None and made is not None:
        made = walk.merge([made, walk.dims(op["bias"])[0]], FIXED)
    for name, d in (("out_features", 0), ("in1_features", 1), ("in2_features", 2)):
        if _module_has(walk, name, weight.shape[d]):
            walk.attribute(name, sized(walk, weight, d))
    return [(*walk.dims(left)[:-1], made)]


def attention(walk: Walk, op: Operator) -> Sequence[Dims]:
    """``scaled_dot_product_attention``: (N, heads, L, E), (N, heads, S, E), (N, heads, S, V)."""
    query, key, value = op["query"], op["key"], op["value"]
    q, k, v = walk.dims(query), walk.dims(key), walk.dims(value)
    walk.merge([q[-1], k[-1]], FIXED)
    heads = [walk.merge([q[d], k[d], v[d]], FIXED) for d in range(len(q) - 2)]
    for ids in (q[-2], k[-2], v[-2]):
        walk.pin(ids, "positions of an attention")
    outer = sized(walk, query, *range(query.dim() - 1))
    keys = (key.shape[-2], None)
    count(walk, op, [*outer, keys, (query.shape[-1], q[-1])])
    count(walk, op, [*outer, keys, (value.shape[-1], v[-1])])
    first: Dims = (*heads, None, v[-1])
    return [first, *((None,) * out.dim() for out in op.outputs[1:])]
