"""Copies of a module that are its like in everything but their tensors."""

import copy
from collections.abc import Iterator, Mapping
from types import CellType, FunctionType
from typing import Any

from torch import Tensor, nn

from gancompress.errors import TraceError


def copy_structure(module: nn.Module, tensors: Mapping[int, Tensor] | None = None) -> nn.Module:
    """A copy of ``module`` that shares its tensors, except those that ``tensors`` replaces.

    Functions that the module holds (a forward that was replaced, hooks) and that have parts of the
    module in their closure are made anew around the parts of the copy; ``copy.deepcopy`` would
    leave them with the original's layers.

    Args:
        module: what is copied.
        tensors: replacements by the ``id`` of the original tensor.

    Raises:
        TraceError: something in its attributes cannot be copied.
    """
    memo: dict[int, Any] = {}
    for child in module.modules():
        held = [*child._parameters.values(), *child._buffers.values(), *child.__dict__.values()]
        memo.update({id(t): t for t in held if isinstance(t, Tensor)})
    memo.update(tensors or {})
    try:
        made = copy.deepcopy(module, memo)
        _renew_functions(module, made, memo)
    except Exception as error:
        raise TraceError(
            f"{type(module).__name__}: the module cannot be copied ({error}); "
            "remove what copy.deepcopy refuses (locks, open files, generators) from its attributes"
        ) from error
    return made


def _renew_functions(module: nn.Module, made: nn.Module, memo: dict[int, Any]) -> None:
    parts = {id(child) for child in module.modules()}
    parts |= {id(t) for t in (*module.parameters(), *module.buffers())}
    for child in made.modules():
        for container, key, function in _functions(vars(child)):
            if _closes_over(function, parts):
                container[key] = _renewed(function, memo, parts)


def _functions(container: dict[Any, Any]) -> Iterator[tuple[Any, Any, FunctionType]]:
    """The functions among the values of ``container``, and of dictionaries (hooks) in it."""
    for key, value in list(container.items()):
        if isinstance(value, FunctionType):
            yield container, key, value
        elif isinstance(value, dict):
            yield from ((value, k, f) for k, f in value.items() if isinstance(f, FunctionType))


def _contents(function: FunctionType) -> list[Any]:
    found = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    for cell in function.__closure__ or ():
        try:
            found.append(cell.cell_contents)
        except ValueError:  # a cell that is still empty
            continue
    return found


def _closes_over(function: FunctionType, parts: set[int], depth: int = 4) -> bool:
    """Whether ``function`` holds one of ``parts``, by itself or through what it holds."""
    return any(_holds(value, parts, depth) for value in _contents(function))


def _holds(value: Any, parts: set[int], depth: int) -> bool:
    if id(value) in parts:
        return True
    if depth == 0:
        return False
    if isinstance(value, FunctionType):
        return _closes_over(value, parts, depth - 1)
    if isinstance(value, (list, tuple, set)):
        return any(_holds(entry, parts, depth - 1) for entry in value)
    if isinstance(value, dict):
        return any(_holds(entry, parts, depth - 1) for entry in value.values())
    bound = getattr(value, "__self__", None)
    return bound is not None and id(bound) in parts


def _renewed(function: FunctionType, memo: dict[int, Any], parts: set[int]) -> FunctionType:
    """``function`` around copies of what it holds."""

    def copied(value: Any) -> Any:
        if isinstance(value, FunctionType) and _closes_over(value, parts):
            return _renewed(value, memo, parts)
        return copy.deepcopy(value, memo) if _holds(value, parts, 4) else value

    def cell(old: CellType) -> CellType:
        try:
            return CellType(copied(old.cell_contents))
        except ValueError:
            return CellType()

    made = FunctionType(
        function.__code__,
        function.__globals__,
        function.__name__,
        tuple(copied(value) for value in function.__defaults__ or ()),
        tuple(cell(old) for old in function.__closure__ or ()),
    )
    made.__kwdefaults__ = {k: copied(v) for k, v in (function.__kwdefaults__ or {}).items()} or None
    made.__dict__.update(function.__dict__)
    return made
