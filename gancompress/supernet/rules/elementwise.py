"""Operators that combine elements at the same position: they tie what they line up."""

from collections.abc import Sequence

from torch import Tensor

from gancompress.supernet.axes import Dims, Ids
from gancompress.supernet.trace import Operator, Walk

FIXED = "meets a tensor whose size is fixed (an input of the network or a constant)"


def line_up(walk: Walk, tensors: Sequence[Tensor], shape: Sequence[int]) -> Dims:
    """Dimensions of the result of broadcasting ``tensors`` to ``shape``."""
    dims: list[Ids | None] = []
    for back in range(len(shape), 0, -1):
        vectors = [
            walk.dims(t)[t.dim() - back]
            for t in tensors
            if t.dim() >= back and t.shape[t.dim() - back] != 1
        ]
        dims.append(walk.merge(vectors, FIXED))
    return tuple(dims)


def pointwise(walk: Walk, op: Operator) -> Sequence[Dims]:
    """Any operator that PyTorch tags as pointwise, and those that copy or fill."""
    operands = [t for t in op.tensors if not any(t is out for out in op.outputs)]
    written = [t for t in op.outputs if any(t is known for known in op.tensors)]
    fitting = [t for t in written if tuple(t.shape) == tuple(op.out.shape)]
    dims = line_up(walk, [*operands, *fitting], op.out.shape)
    return [dims if out.shape == op.out.shape else (None,) * out.dim() for out in op.outputs]


def same(walk: Walk, op: Operator) -> Sequence[Dims]:
    """Results shaped like the first operand (copies, dropout, cumulated sums, softmax)."""
    dims = walk.dims(op.tensors[0])
    return [dims if out.dim() == len(dims) else (None,) * out.dim() for out in op.outputs]


def made(walk: Walk, op: Operator) -> Sequence[Dims]:
    """Tensors made while running (``torch.zeros``): their sizes follow what they meet."""
    return [
        tuple(walk.ids.fresh(size, supple=True) if size > 1 else None for size in out.shape)
        for out in op.outputs
    ]


def unknown(walk: Walk, op: Operator) -> Sequence[Dims]:
    """An operator without a rule keeps everything that meets it."""
    walk.note_uncounted(op)
    for tensor in op.tensors:
        for ids in walk.dims(tensor):
            walk.pin(
                ids,
                f"meets {op.name}, an operator that cannot be followed",
                "replace it, or keep it away from the channel dimension",
            )
    return [(None,) * out.dim() for out in op.outputs]


def read_out(walk: Walk, op: Operator) -> Sequence[Dims]:
    """A value that Python reads (``.item()``): sizes or the path taken may depend on it."""
    walk.read_values.setdefault(str(walk.source or walk.module))
    return [(None,) * out.dim() for out in op.outputs]
