"""Outputs of submodules, recorded by hooks while a network runs."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

# What a recipe writes to have the submodules found.
AUTO = "auto"


@contextmanager
def tapped(module: nn.Module, names: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """Collect the outputs of the submodules ``names`` while the context lasts, by name.

    Works through a supernet as well: give its ``module``. A submodule that runs several times shows
    its last output.
    """
    maps: dict[str, Tensor] = {}

    def keep(name: str, output: Any) -> None:
        if isinstance(output, Tensor):
            maps[name] = output

    handles = [
        module.get_submodule(name).register_forward_hook(
            lambda _module, _inputs, output, name=name: keep(name, output)
        )
        for name in names
    ]
    try:
        yield maps
    finally:
        for handle in handles:
            handle.remove()
