"""An operator without a rule is tried out: run on fewer channels, does it do the same to the rest?

The operator is run on random numbers at full width and with half of the channels of one dimension.
If one dimension of the result gets shorter in step and its leading part agrees, the channels are
carried there; if the result keeps its shape, the channels were summed over. Everything else keeps
its channels.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import unset_fake_temporarily
from torch.utils._pytree import tree_leaves, tree_map

from gancompress.supernet.axes import Dims, Ids
from gancompress.supernet.rules.elementwise import unknown
from gancompress.supernet.trace import Operator, Walk

# Larger tensors are not worth a trial.
_MOST = 1 << 22


def probed(walk: Walk, op: Operator) -> Sequence[Dims]:
    """What a trial says of an operator without a rule."""
    walk.note_uncounted(op)
    vectors = _vectors(walk, op)
    if op.func._schema.is_mutable or not vectors or not op.outputs or _is_large(op):
        return unknown(walk, op)
    with unset_fake_temporarily(), torch.random.fork_rng(devices=[]), torch.no_grad():
        trial = _Trial(walk, op)
        if trial.full is None:
            return unknown(walk, op)
        results: list[list[Ids | None]] = [[None] * out.dim() for out in op.outputs]
        for ids in vectors:
            found = trial.carried([ids])
            if found is None:
                alike = [v for v in vectors if v.size == ids.size]
                found = trial.carried(alike) if len(alike) > 1 else None
                if found is not None:
                    walk.merge(alike, "")
            if found is None or any(results[o][d] is not None for o, d in found):
                return unknown(walk, op)
            for o, d in found:
                results[o][d] = ids
    return [tuple(dims) for dims in results]


def _vectors(walk: Walk, op: Operator) -> list[Ids]:
    """The different vectors of ids among the operands' dimensions."""
    found: dict[bytes, Ids] = {}
    for tensor in op.tensors:
        for ids in walk.dims(tensor):
            if ids is not None:
                found.setdefault(ids.tobytes(), ids)
    return list(found.values())


def _is_large(op: Operator) -> bool:
    return sum(prod(t.shape) for t in (*op.tensors, *op.outputs)) > _MOST


class _Trial:
    """An operator's arguments with random numbers in them, and its results."""

    def __init__(self, walk: Walk, op: Operator) -> None:
        self._walk, self._op = walk, op
        self._values: dict[int, Tensor] = {id(t): _random(t) for t in op.tensors}
        self.full = self._run(lambda tensor: self._values[id(tensor)])

    def carried(self, vectors: Sequence[Ids]) -> list[tuple[int, int]] | None:
        """(output, dimension) pairs that get shorter with ``vectors``; None where it cannot be
        told."""
        keys = {ids.tobytes() for ids in vectors}
        size = vectors[0].size
        half = max(size // 2, 1)

        def narrow(tensor: Tensor) -> Tensor:
            value = self._values[id(tensor)]
            for d, ids in enumerate(self._walk.dims(tensor)):
                if ids is not None and ids.tobytes() in keys:
                    value = value.narrow(d, 0, half)
            return value.contiguous()

        small = self._run(narrow)
        if small is None or self.full is None or len(small) != len(self.full):
            return None
        found = []
        for index, (now, then) in enumerate(zip(small, self.full, strict=True)):
            shorter = [d for d in range(now.dim()) if now.shape[d] != then.shape[d]]
            if not shorter and now.shape == then.shape and then.is_floating_point():
                continue
            if len(shorter) != 1 or then.shape[shorter[0]] != size or now.shape[shorter[0]] != half:
                return None
            if not torch.allclose(now, then.narrow(shorter[0], 0, half), atol=1e-4, rtol=1e-4):
                return None
            found.append((index, shorter[0]))
        return found

    def _run(self, value: Callable[[Tensor], Tensor]) -> list[Tensor] | None:
        def place(leaf: Any) -> Any:
            return value(leaf) if isinstance(leaf, Tensor) else leaf

        args, kwargs = tree_map(place, (self._op.args, dict(self._op.kwargs)))
        torch.manual_seed(0)
        try:
            out = self._op.func(*args, **kwargs)
        except Exception:  # an operator may refuse random numbers in any way
            return None
        return [leaf for leaf in tree_leaves(out) if isinstance(leaf, Tensor)]


def _random(tensor: Tensor) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    if tensor.is_complex() or tensor.is_floating_point():
        return torch.randn(tensor.shape, dtype=tensor.dtype, generator=generator)
    return torch.zeros(tensor.shape, dtype=tensor.dtype)
