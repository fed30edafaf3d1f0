"""Which parameter a tensor is: itself, a view of it, a multiple, or what is computed from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gancompress.reconstruction.computed import Computations, Computed

SCALINGS = {Tensor.mul: 1, torch.mul: 1, Tensor.__mul__: 1, Tensor.div: -1, torch.div: -1}


@dataclass(frozen=True)
class Origin:
    """Where a tensor comes from.

    Attributes:
        name: of the parameter.
        view: shares the parameter's memory; the tensor is ``scale`` times it.
        computed: how the tensor follows from the parameter where it is no multiple of it.
    """

    name: str
    view: Tensor
    scale: float = 1.0
    computed: Computed | None = None

    @property
    def key(self) -> tuple[str, int, tuple[int, ...]]:
        """The same for every use of the same part of a parameter."""
        return self.name, int(self.view.storage_offset()), tuple(self.view.shape)

    @property
    def names(self) -> set[str]:
        """Of the parameters that it follows from."""
        return {self.name} if self.computed is None else self.computed.names

    def put(self, value: Tensor) -> bool:
        """Change the parameter so that the tensor becomes ``value``; gives whether that can be."""
        if self.computed is not None:
            return self.computed.put(value)
        self.view.copy_(value / self.scale)
        return True

    def like(self, parameter: Tensor) -> Tensor:
        """What this is of its parameter, of another tensor of the same memory layout."""
        view = self.view
        return parameter.as_strided(view.shape, view.stride(), view.storage_offset())


class Origins:
    """Recognises the parameters of a module (and of copies that share its tensors)."""

    def __init__(self, module: nn.Module) -> None:
        self._by_storage = {
            p.untyped_storage().data_ptr(): name for name, p in module.named_parameters()
        }
        self._scaled: dict[int, tuple[Tensor, Origin]] = {}
        self._computations = Computations(module)

    def of(self, tensor: Any) -> Origin | None:
        """Where ``tensor`` comes from; None where it is no parameter's."""
        if not isinstance(tensor, Tensor):
            return None
        if id(tensor) in self._scaled:
            return self._scaled[id(tensor)][1]
        if tensor.numel() == 0:
            return None
        name = self._by_storage.get(tensor.untyped_storage().data_ptr())
        if name is not None:
            return Origin(name, tensor.detach())
        computed = self._computations.of(tensor)
        return None if computed is None else Origin(
            computed.base, computed.tensors[computed.base].detach(), computed=computed
        )  # fmt: skip

    def note(self, func: Any, args: Any, kwargs: Mapping[str, Any], out: Any) -> None:
        """Remember ``out`` where it follows from parameters."""
        self._computations.note(func, args, kwargs, out)
        power = SCALINGS.get(func)
        if power is None or len(args) != 2:
            return
        factor = args[1]
        if not isinstance(factor, (int, float)) or isinstance(factor, bool) or factor == 0:
            return
        origin = self.of(args[0])
        if origin is not None:
            scaled = Origin(origin.name, origin.view, origin.scale * float(factor) ** power)
            self._scaled[id(out)] = (out, scaled)

    def forget(self) -> None:
        """Let go of the multiples."""
        self._scaled.clear()
