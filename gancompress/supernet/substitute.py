"""Running a module with other tensors in place of its own, whatever holds them.

``torch.func.functional_call`` replaces tensors by name. Where one layer is registered under two
paths it replaces them twice and puts back the wrong ones, and it does not see tensors that a module
also keeps in a list (``nn.LSTM`` reads its weights from one). Here a tensor is replaced wherever it
is held: in the registries of every submodule once, in attributes, lists, tuples and dictionaries.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

# What every nn.Module has of its own: its registries are looked at apart.
_BOOKKEEPING = frozenset(vars(nn.Module()))
# Longer lists and dictionaries hold data and not a module's few tensors.
_LONGEST = 10_000

# A place that holds a tensor (or a tuple with one): container, key, what it holds.
Slot = tuple[Any, Any, Any]


def named_tensors(module: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers by name, each tensor once."""
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def call_with(
    module: nn.Module,
    tensors: dict[str, Tensor],
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
) -> Any:
    """``module(*args, **kwargs)`` with ``tensors`` (by name) in place of its own.

    Where the run puts another tensor in place of one of them (``self.u.data = …``, ``self.mean =
    …``), ``tensors`` has that one afterwards; the module is left as it was.
    """
    with substituted(module, tensors):
        return module(*args, **(kwargs or {}))


@contextmanager
def substituted(module: nn.Module, tensors: dict[str, Tensor]) -> Iterator[None]:
    """While active, ``module`` holds ``tensors`` in place of its own of the same names."""
    own = named_tensors(module)
    names = {id(own[name]): name for name in tensors}
    held = list(slots(module, names))
    given = dict(tensors)
    replacements = {i: given[name] for i, name in names.items()}
    try:
        for container, key, value in held:
            container[key] = _exchanged(value, replacements)
        yield
    finally:
        for container, key, value in held:
            now = container[key] if isinstance(container, list) else container.get(key)
            if isinstance(value, Tensor) and isinstance(now, Tensor):
                name = names[id(value)]
                tensors[name] = now if now is not given[name] else tensors[name]
            container[key] = value


def exchange(module: nn.Module, replacements: Mapping[int, Tensor]) -> None:
    """Put tensors in the place of others, given by ``id``, for good."""
    for container, key, value in list(slots(module, replacements)):
        container[key] = _exchanged(value, replacements)


def slots(module: nn.Module, wanted: Mapping[int, Any]) -> Iterator[Slot]:
    """Every place in ``module`` that holds one of the ``wanted`` tensors, given by ``id``."""
    seen: set[int] = set()
    for child in module.modules():
        yield from _slots(child._parameters, wanted, seen)
        yield from _slots(child._buffers, wanted, seen)
        own = vars(child)
        for key in own.keys() - _BOOKKEEPING:
            if isinstance(own[key], (Tensor, list, tuple, dict)):
                yield from _slot(own, key, wanted, seen)


def _slots(container: Any, wanted: Mapping[int, Any], seen: set[int]) -> Iterator[Slot]:
    if id(container) in seen or len(container) > _LONGEST:
        return
    seen.add(id(container))
    for key in list(container) if isinstance(container, dict) else range(len(container)):
        yield from _slot(container, key, wanted, seen)


def _slot(container: Any, key: Any, wanted: Mapping[int, Any], seen: set[int]) -> Iterator[Slot]:
    value = container[key]
    if isinstance(value, Tensor):
        if id(value) in wanted:
            yield container, key, value
    elif isinstance(value, tuple):
        if any(id(entry) in wanted for entry in value):
            yield container, key, value
    elif isinstance(value, (list, dict)):
        yield from _slots(value, wanted, seen)


def _exchanged(value: Any, replacements: Mapping[int, Tensor]) -> Any:
    if isinstance(value, Tensor):
        return replacements[id(value)]
    entries = [replacements.get(id(entry), entry) for entry in value]
    return type(value)(*entries) if hasattr(value, "_fields") else tuple(entries)
