"""Leaving a module out: it hands on its first input, or zeros like it.

A supernet skips modules for the length of a run, so that their hooks still see what passes; an
extracted module has a :class:`Skip` in their place, and none of their tensors.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch
from torch import Tensor, nn

# Path of a module that is left out -> whether zeros come out of it.
Skips = Mapping[str, bool]


def hand_on(*inputs: Any, **named: Any) -> Any:
    """The first input."""
    return next(iter((*inputs, *named.values())))


def zeros(*inputs: Any, **named: Any) -> Tensor:
    """Zeros like the first input."""
    return torch.zeros_like(hand_on(*inputs, **named))


def forwards(skips: Skips) -> dict[tuple[str, str], Callable[..., Any]]:
    """What takes the place of the modules' ``forward``, as attributes by path and name."""
    return {(path, "forward"): zeros if is_zero else hand_on for path, is_zero in skips.items()}


class Skip(nn.Module):
    """Stands where a module was left out."""

    def __init__(self, *, zero: bool) -> None:
        """``zero``: give zeros like the first input, and not that input itself."""
        super().__init__()
        self.zero = zero

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """The first input, or zeros like it."""
        return zeros(*inputs, **named) if self.zero else hand_on(*inputs, **named)

    def extra_repr(self) -> str:
        return "zeros" if self.zero else ""


def put_skips(module: nn.Module, skips: Skips) -> None:
    """Replace the submodules at the paths of ``skips`` for good.

    Raises:
        AttributeError: there is no such submodule.
    """
    for path, is_zero in skips.items():
        gone, skip = module.get_submodule(path), Skip(zero=is_zero)
        for owner in list(module.modules()):
            for name, child in owner._modules.items():
                if child is gone:
                    owner._modules[name] = skip


def skips_of(module: nn.Module) -> dict[str, bool]:
    """What :func:`put_skips` was given."""
    return {path: m.zero for path, m in module.named_modules() if isinstance(m, Skip)}


def enclosing(path: str, paths: Collection[str]) -> str:
    """Which of ``paths`` the module (or tensor) ``path`` is, or is in; empty if none."""
    while path and path not in paths:
        path = path.rpartition(".")[0]
    return path


def is_within(path: str, paths: Collection[str]) -> bool:
    """Whether the module (or tensor) ``path`` is one of ``paths`` or in one of them."""
    return bool(enclosing(path, paths))
