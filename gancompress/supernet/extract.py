"""A subnet as a plain module of its own: same class, smaller tensors, corrected attributes."""

from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from gancompress.supernet.attributes import set_attributes
from gancompress.supernet.copying import copy_structure
from gancompress.supernet.slicing import Cut, cut_tensor


def cut_module(
    module: nn.Module,
    cuts: Mapping[str, tuple[Cut | None, ...]],
    attributes: Mapping[tuple[str, str], Any],
) -> nn.Module:
    """A copy of ``module``, independent of it, with its tensors cut and its ``attributes`` set."""
    replaced: dict[int, Tensor] = {}
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            part = cut_tensor(parameter.detach(), cuts.get(name, ())).clone().contiguous()
            replaced[id(parameter)] = nn.Parameter(part, requires_grad=parameter.requires_grad)
        for name, buffer in module.named_buffers():
            replaced[id(buffer)] = cut_tensor(buffer.detach(), cuts.get(name, ())).clone()
        for child in module.modules():
            for value in child.__dict__.values():
                if isinstance(value, Tensor):
                    replaced.setdefault(id(value), value.detach().clone())
    small = copy_structure(module, replaced)
    set_attributes(dict(small.named_modules()), attributes)
    return small


def drop_parameters(module: nn.Module, names: Collection[str]) -> None:
    """Set the parameters among ``names`` to None, under every name that they have."""
    gone = {id(p) for name, p in module.named_parameters() if name in names}
    for child in module.modules():
        for key, parameter in child._parameters.items():
            if id(parameter) in gone:
                child._parameters[key] = None
