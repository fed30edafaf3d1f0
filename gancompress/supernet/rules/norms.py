"""Normalisations and reductions."""

from collections.abc import Sequence

import numpy as np

from gancompress.supernet.axes import Dims, Ids
from gancompress.supernet.rules.elementwise import FIXED
from gancompress.supernet.trace import Operator, Walk


def batch_norm(walk: Walk, op: Operator) -> Sequence[Dims]:
    """Batch normalisation (and instance normalisation, which runs as one) in all its variants."""
    source = op.tensors[0]
    dims = list(walk.dims(source))
    vectors = [t for t in op.tensors[1:] if t.dim() == 1 and t.shape[0] == source.shape[1] != 1]
    if dims[1] is not None or vectors:
        dims[1] = walk.merge([dims[1], *(walk.dims(t)[0] for t in vectors)], FIXED)
    rest = [
        (dims[1],) if o.dim() == 1 and o.numel() > 0 else (None,) * o.dim() for o in op.outputs[1:]
    ]
    return [tuple(dims), *rest]


def group_norm(walk: Walk, op: Operator) -> Sequence[Dims]:
    """Group normalisation: whole groups are removed, or the j-th channel of every group.

    Over a concatenation whose joints are not between groups neither can be: there the number of
    groups is the greatest that still divides the channels, and the channels keep their order.
    """
    source, groups = op["input"], op["group"]
    ids = walk.dims(source)[1]
    for parameter in (op["weight"], op["bias"]):
        if parameter is not None and parameter.shape[0] != 1:
            ids = walk.merge([ids, walk.dims(parameter)[0]], FIXED)
    leads: Ids | None = None
    if ids is not None and groups > 1:
        blocks = ids.reshape(groups, -1)
        module = walk.modules[-1][1] if walk.modules else None
        follows = getattr(module, "num_groups", None) == groups
        if follows and _is_split_by_joints(walk, blocks):
            walk.ids.unsorted.append(ids)
            walk.attribute("num_groups", [(ids.size, ids)], divides=groups)
        elif follows and blocks.shape[1] <= groups:
            walk.ids.tie(blocks, blocks[:, :1])
            leads = blocks[:, 0].copy()
            walk.attribute("num_groups", [(groups, leads)])
        else:
            walk.ids.tie(blocks, blocks[:1])
    dims = list(walk.dims(source))
    dims[1] = ids
    statistics: Dims = (dims[0], leads)
    return [tuple(dims), statistics, statistics]


def _is_split_by_joints(walk: Walk, blocks: Ids) -> bool:
    """Whether channels of one normalised group come from two pieces, or pieces would be tied."""
    joints = np.isin(blocks, np.fromiter(walk.joints, dtype=np.int64, count=len(walk.joints)))
    many, size = blocks.shape
    return bool(joints[:, 1:].any()) or (size > many and bool(joints.any()))


def layer_norm(walk: Walk, op: Operator) -> Sequence[Dims]:
    """Layer normalisation over the trailing dimensions."""
    dims = list(walk.dims(op["input"]))
    for parameter in (op["weight"], op["bias"]):
        if parameter is None:
            continue
        for back in range(1, parameter.dim() + 1):
            if parameter.shape[-back] != 1:
                dims[-back] = walk.merge([dims[-back], walk.dims(parameter)[-back]], FIXED)
    shape = tuple(op["normalized_shape"])
    if walk.modules and getattr(walk.modules[-1][1], "normalized_shape", None) == shape:
        sizes = list(zip(shape, dims[-len(shape) :], strict=True))
        walk.attribute("normalized_shape", sizes, is_tuple=True)
    return [tuple(dims), *((None,) * out.dim() for out in op.outputs[1:])]


def weight_norm(walk: Walk, op: Operator) -> Sequence[Dims]:
    """The weight of weight normalisation, and the norms of its slices along ``dim``."""
    weight, norms, along = op["v"], op["g"], op["dim"]
    dims = list(walk.dims(weight))
    if weight.shape[along] != 1:
        dims[along] = walk.merge([dims[along], walk.dims(norms)[along]], FIXED)
    return [tuple(dims), walk.dims(norms)]


def reduction(walk: Walk, op: Operator) -> Sequence[Dims]:
    """Means, sums, variances, norms, extrema: reduced dimensions are gone (or have size 1)."""
    source = op.tensors[0]
    chosen = op.get("dim")
    everything = chosen is None or (isinstance(chosen, (list, tuple)) and not chosen)
    gone = {
        d % max(source.dim(), 1)
        for d in (range(source.dim()) if everything else np.atleast_1d(chosen).tolist())
    }
    keep = bool(op.get("keepdim", False))
    dims: list[Ids | None] = []
    for d, ids in enumerate(walk.dims(source)):
        if d not in gone:
            dims.append(ids)
        elif keep:
            dims.append(None)
    return [tuple(dims) for _ in op.outputs]


def embedding(walk: Walk, op: Operator) -> Sequence[Dims]:
    """``embedding``: rows are looked up by number, columns are channels."""
    rows, columns = walk.dims(op["weight"])
    walk.pin(rows, "rows of an embedding are looked up by number")
    return [(*walk.dims(op["indices"]), columns)]
