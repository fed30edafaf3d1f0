"""Operators that go by position: along the dimension they work on channels stay, others follow."""

from collections.abc import Sequence

from torch import Tensor

from gancompress.supernet.axes import Dims, Ids
from gancompress.supernet.rules.elementwise import FIXED
from gancompress.supernet.trace import Operator, Walk

_PICKED = "is picked from by position"


def roll(walk: Walk, op: Operator) -> Sequence[Dims]:
    """``roll``: rolled channels would be other ones in a narrower network."""
    dims = list(walk.dims(op["self"]))
    for d in op["dims"] or range(len(dims)):
        walk.pin(dims[d], "is rolled along its channels")
    return [tuple(dims)]


def extremum(walk: Walk, op: Operator) -> Sequence[Dims]:
    """``argmax``: which channel it is depends on how many there are; other dimensions stay."""
    source, chosen = op["self"], op["dim"]
    dims = list(walk.dims(source))
    gone = range(len(dims)) if chosen is None else [chosen % max(len(dims), 1)]
    for d in gone:
        walk.pin(dims[d], f"meets {op.name}, whose result is a position")
    kept = [None if d in gone else ids for d, ids in enumerate(dims)]
    if not op.get("keepdim", False):
        kept = [ids for d, ids in enumerate(kept) if d not in gone]
    return [tuple(kept)]


def ordered(walk: Walk, op: Operator) -> Sequence[Dims]:
    """``sort``, ``argsort``, ``topk``, ``kthvalue``: what comes first depends on all channels."""
    dims = list(walk.dims(op["self"]))
    along = op.get("dim", -1)
    if dims:
        walk.pin(dims[along], f"meets {op.name}, which orders its channels")
        dims[along] = None
    if op.name == "kthvalue" and not op["keepdim"]:
        del dims[along % len(dims)]
    return [tuple(dims) for _ in op.outputs]


def gather(walk: Walk, op: Operator) -> Sequence[Dims]:
    """``gather``: along ``dim`` by position, elsewhere index and source lie side by side."""
    source, index = op["self"], op["index"]
    along = op["dim"] % max(source.dim(), 1)
    dims: list[Ids | None] = []
    for d in range(index.dim()):
        if d == along:
            walk.pin(walk.dims(source)[d], _PICKED)
            dims.append(walk.dims(index)[d])
        elif index.shape[d] == source.shape[d]:
            dims.append(walk.merge([walk.dims(source)[d], walk.dims(index)[d]], FIXED))
        else:
            walk.pin(walk.dims(source)[d], _PICKED)
            dims.append(walk.dims(index)[d])
    return [tuple(dims)]


def scatter(walk: Walk, op: Operator) -> Sequence[Dims]:
    """``scatter``, ``index_add`` …: along ``dim`` by position, elsewhere side by side."""
    target = op["self"]
    along = op["dim"] % max(target.dim(), 1)
    dims = list(walk.dims(target))
    walk.pin(dims[along], "is written to by position")
    others = [op.get(name) for name in ("index", "src", "source")]
    for other in (t for t in others if t is not None and t.dim() == target.dim()):
        walk.pin(walk.dims(other)[along], "is written by position")
        for d, ids in enumerate(walk.dims(other)):
            if d != along and other.shape[d] == target.shape[d] != 1:
                dims[d] = walk.merge([dims[d], ids], FIXED)
    return [tuple(dims)]


def pick(walk: Walk, op: Operator) -> Sequence[Dims]:
    """``index`` and ``index_select``: picked by position, so the dimension stays as it is."""
    source = op["self"]
    dims = list(walk.dims(source))
    if op.name == "index_select":
        along = op["dim"] % source.dim()
        walk.pin(dims[along], _PICKED)
        dims[along] = None
        return [tuple(dims)]
    for d, index in enumerate(op["indices"]):
        if index is not None:
            walk.pin(dims[d], _PICKED)
    return [_indexed(dims, op["indices"])]


def put(walk: Walk, op: Operator) -> Sequence[Dims]:
    """``index_put``: indexed dimensions go by position, the others are the target's."""
    dims = walk.dims(op["self"])
    for d, index in enumerate(op["indices"]):
        if index is not None:
            walk.pin(dims[d], "is written to by position")
    places, values = _indexed(dims, op["indices"]), op["values"]
    for back in range(1, min(len(places), values.dim()) + 1):
        ids = walk.dims(values)[-back]
        if values.shape[-back] != 1 and not (places[-back] is None and ids is None):
            walk.merge([places[-back], ids], FIXED)
    return [dims]


def _indexed(dims: Sequence[Ids | None], indices: Sequence[Tensor | None]) -> Dims:
    """The dimensions of ``x[indices]``: picked ones go, those of the indices come."""
    picked = [d for d, index in enumerate(indices) if index is not None]
    width = max(index.dim() for index in indices if index is not None)
    at = picked[0] if picked == list(range(picked[0], picked[-1] + 1)) else 0
    rest = [ids for d, ids in enumerate(dims) if d not in picked]
    return (*rest[:at], *(None,) * width, *rest[at:])


def windows(walk: Walk, op: Operator) -> Sequence[Dims]:
    """``Tensor.unfold``: windows along one dimension, their contents in a new last one."""
    dims = list(walk.dims(op["self"]))
    along = op["dimension"] % len(dims)
    walk.pin(dims[along], "is cut into windows")
    dims[along] = None
    return [(*dims, None)]


def distances(walk: Walk, op: Operator) -> Sequence[Dims]:
    """``cdist``: (…, P, C) and (…, R, C) give (…, P, R)."""
    left, right = op["x1"], op["x2"]
    a, b = walk.dims(left), walk.dims(right)
    walk.merge([a[-1], b[-1]], FIXED)
    batch = [None] * (op.out.dim() - 2) if len(a) != len(b) else list(a[:-2])
    return [(*batch, a[-2], b[-2])]
