"""Example inputs, and which of their dimensions are samples."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.utils._pytree import tree_leaves, tree_map

from gancompress.errors import TraceError


class Examples:
    """Positional and keyword inputs that a module is run with.

    The first dimension of the first tensor that has more than one entry there is taken for samples,
    and so are first dimensions of the same size; scalars and single rows are shared by all samples.

    Attributes:
        whole: the inputs are only ever used as they are, because their first dimensions differ, or
            because the module does not run with another number of samples. Costs are then those of
            the inputs as a whole.
    """

    def __init__(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        self.args, self.kwargs = tuple(args), dict(kwargs)
        leaves = [t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor) and t.dim()]
        several = list(dict.fromkeys(t.shape[0] for t in leaves if t.shape[0] != 1))
        self._given = several[0] if several else min(len(leaves), 1)
        self.whole = len(several) > 1

    @property
    def samples(self) -> int:
        """How many samples :meth:`prepared` gives, at least two where that is possible."""
        return 1 if self.whole else max(self._given, 2)

    def prepared(
        self, single: bool, place: Callable[[Tensor], Tensor]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The inputs with at least two samples, or with one; each tensor as ``place`` makes it."""

        def prepare(leaf: Any) -> Any:
            if not isinstance(leaf, Tensor):
                return leaf
            leaf = leaf.detach()
            if leaf.dim() and leaf.shape[0] == self._given and not self.whole:
                if single:
                    leaf = leaf[:1]
                elif self._given == 1:
                    leaf = torch.cat([leaf, leaf])
            return place(leaf)

        args, kwargs = tree_map(prepare, (self.args, self.kwargs))
        return args, kwargs


def as_inputs(example: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Positional and keyword inputs of an example: a tensor, a sequence or a mapping."""
    if isinstance(example, Mapping):
        return (), dict(example)
    if isinstance(example, (tuple, list)):
        return tuple(example), {}
    if isinstance(example, Tensor):
        return (example,), {}
    raise TraceError(
        f"example_inputs: {type(example).__name__}; give a tensor, a tuple of positional or a "
        "mapping of keyword inputs"
    )


def check_module(module: nn.Module) -> None:
    """Refuse what is no plain module, and say what to give instead.

    Raises:
        TraceError: ``module`` is a ScriptModule, a wrapper around a module, or not initialised.
    """
    kind = type(module).__name__
    if not isinstance(module, nn.Module):
        raise TraceError(f"module: {kind}; give an nn.Module")
    if isinstance(module, torch.jit.ScriptModule) or any(
        isinstance(child, torch.jit.ScriptModule) for child in module.modules()
    ):
        raise TraceError(
            f"{kind}: a ScriptModule runs outside Python, where it cannot be followed; give the "
            "nn.Module that it was scripted or traced from"
        )
    if isinstance(module, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
        raise TraceError(
            f"{kind}: give the module inside, {kind.lower()}.module, and wrap the Supernet instead"
        )
    if hasattr(module, "_orig_mod"):
        raise TraceError(
            f"{kind}: give the module that was compiled, compiled._orig_mod, and compile the "
            "Supernet instead"
        )
    tensors = [*module.named_parameters(), *module.named_buffers()]
    lazy = [name for name, tensor in tensors if is_lazy(tensor)]
    if lazy:
        raise TraceError(
            f"{kind}: {lazy[0]} has no shape yet (a lazy layer); run the module once on an input "
            "before it is made a Supernet"
        )
