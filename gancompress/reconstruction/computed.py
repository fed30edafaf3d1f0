"""Weights that a module computes from a parameter: spectral norm, weight norm, others like them.

Seen are functions and not modules, so that it does not matter how a module does it. The calls that
lead from parameters and buffers to a weight are kept, to be done again with other values.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

# By how much of its largest value a weight may differ from what was asked for.
TOLERANCE = 1e-3


@dataclass(frozen=True)
class Name:
    """A parameter or buffer, whole."""

    name: str


@dataclass(frozen=True, eq=False)
class Call:
    """A function whose tensors are results of others, parameters or buffers."""

    func: Any
    args: Any
    kwargs: Mapping[str, Any]

    def names(self) -> Iterator[str]:
        """Of the parameters and buffers that it depends on, in the order of their use."""
        for leaf in tree_leaves((self.args, self.kwargs)):
            if isinstance(leaf, Name):
                yield leaf.name
            elif isinstance(leaf, Call):
                yield from leaf.names()

    def run(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """The result for these parameters and buffers."""

        def value(leaf: Any) -> Any:
            if isinstance(leaf, Name):
                return tensors[leaf.name]
            return leaf.run(tensors) if isinstance(leaf, Call) else leaf

        args, kwargs = tree_map(value, (self.args, dict(self.kwargs)))
        result: Tensor = self.func(*args, **kwargs)
        return result


@dataclass(frozen=True)
class Computed:
    """A weight that a module computes.

    Attributes:
        base: the parameter that has its shape.
        call: what computes it.
        tensors: parameters and buffers of the module by name.
    """

    base: str
    call: Call
    tensors: Mapping[str, Tensor]

    @property
    def names(self) -> set[str]:
        """Of everything that it depends on."""
        return set(self.call.names())

    def put(self, value: Tensor) -> bool:
        """Change what it depends on so that it becomes ``value``; where that cannot be, all stays.

        The parameter of its shape becomes ``value``. Another parameter is a length of it, as in
        weight norm (Salimans and Kingma 2016, equation 2); where a factor remains, as in spectral
        norm (Miyato et al. 2018, equation 8), a buffer is scaled by it, of which the norm is
        linear.
        """
        used = {name: self.tensors[name] for name in dict.fromkeys(self.call.names())}
        before = {name: tensor.clone() for name, tensor in used.items()}
        base = used[self.base]
        base.copy_(value)
        for name, other in used.items():
            if name != self.base and isinstance(other, nn.Parameter):
                other.copy_(_lengths(value, other))
        buffers = [tensor for tensor in used.values() if not isinstance(tensor, nn.Parameter)]
        made = self.call.run(self.tensors)
        if buffers:
            buffers[-1].mul_((made * made).sum() / (made * value).sum())
            made = self.call.run(self.tensors)
        # Not a number is not close either.
        if bool((made - value).abs().max() <= TOLERANCE * value.abs().max()):
            return True
        for name, tensor in used.items():
            tensor.copy_(before[name])
        return False


def _lengths(value: Tensor, like: Tensor) -> Tensor:
    """Norms of ``value`` over the dimensions in which ``like`` has one element."""
    over = [dim for dim, size in enumerate(like.shape) if size == 1]
    if like.dim() != value.dim():
        over = list(range(value.dim()))
    length: Tensor = torch.linalg.vector_norm(value, dim=over, keepdim=like.dim() == value.dim())
    return length.expand_as(like)


class Computations:
    """Follows what is computed from nothing but parameters and buffers of a module."""

    def __init__(self, module: nn.Module) -> None:
        self._tensors = {**dict(module.named_buffers()), **dict(module.named_parameters())}
        self._whole = {
            (t.untyped_storage().data_ptr(), t.shape, t.stride()): name
            for name, t in self._tensors.items()
            if t.numel()
        }
        self._results: dict[int, tuple[Tensor, Call]] = {}

    def note(self, func: Any, args: Any, kwargs: Mapping[str, Any], out: Any) -> None:
        """Remember ``out`` where all tensors that it follows from are known."""
        leaves = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        if not leaves or not isinstance(out, Tensor) or not all(map(self._node, leaves)):
            return
        if any(out is leaf for leaf in leaves):
            return
        node = tree_map(
            lambda x: self._node(x) if isinstance(x, Tensor) else x, (args, dict(kwargs))
        )
        self._results[id(out)] = out, Call(func, *node)

    def of(self, weight: Tensor) -> Computed | None:
        """How ``weight`` is computed; None where it is not, or from no parameter of its shape."""
        if id(weight) not in self._results:
            return None
        call = self._results[id(weight)][1]
        for name in call.names():
            tensor = self._tensors[name]
            if isinstance(tensor, nn.Parameter) and tensor.shape == weight.shape:
                return Computed(name, call, self._tensors)
        return None

    def _node(self, tensor: Tensor) -> Call | Name | None:
        if id(tensor) in self._results:
            return self._results[id(tensor)][1]
        key = tensor.untyped_storage().data_ptr(), tensor.shape, tensor.stride()
        name = self._whole.get(key)
        return None if name is None else Name(name)
