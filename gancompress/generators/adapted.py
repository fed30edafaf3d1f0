"""Generators that take lists of tensors, or return more than one tensor, as all others are called.

A list ``noises`` is as many inputs ``noises__0``, ``noises__1``, … of a batch. Of a tuple, a list,
a mapping or an object with attributes one tensor is the output; ``output`` names it: ``0``,
``image``, or a way such as ``0.sample``.
"""

import difflib
import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from gancompress.errors import TeacherError

_ELEMENT = re.compile(r"(?P<list>\w+?)__(?P<index>\d+)")

# Choices that are named where an output has to be chosen.
SHOWN = 8


class Adapted(nn.Module):
    """``module``, fed lists where inputs are numbered, with one of its outputs as the output.

    Attributes:
        module: what is adapted.
        output: names the output; empty for a module that returns a tensor.
        inputs: the module's, where it says what it is fed.
    """

    def __init__(self, module: nn.Module, output: str = "") -> None:
        super().__init__()
        self.module = module
        self.output = output
        inputs = getattr(module, "inputs", None)
        if inputs is not None:
            self.inputs = inputs

    def forward(self, *inputs: Any, **named: Any) -> Tensor:
        return pick(self.module(*inputs, **gathered(named)), self.output)

    def extra_repr(self) -> str:
        return f"output={self.output!r}"


def adapted(module: nn.Module, output: str = "", *, lists: bool = False) -> nn.Module:
    """``module`` itself where it is called as others are, or else :class:`Adapted` around it."""
    return Adapted(module, output) if output or lists else module


def has_lists(inputs: Mapping[str, Any]) -> bool:
    """Whether some of these inputs are elements of a list."""
    return any(_ELEMENT.fullmatch(name) for name in inputs)


def gathered(named: Mapping[str, Any]) -> dict[str, Any]:
    """Numbered inputs as lists, the others as they are."""
    found: dict[str, Any] = {}
    lists: dict[str, dict[int, Any]] = {}
    for name, value in named.items():
        element = _ELEMENT.fullmatch(name)
        if element is None:
            found[name] = value
        else:
            lists.setdefault(element["list"], {})[int(element["index"])] = value
    for name, elements in lists.items():
        if sorted(elements) != list(range(len(elements))):
            raise TeacherError(
                f"inputs {name}__{', '.join(map(str, sorted(elements)))}: the elements of a list "
                "are numbered from 0 on without a gap"
            )
        found[name] = [elements[index] for index in range(len(elements))]
    return found


def pick(made: Any, output: str) -> Tensor:
    """The tensor in ``made`` that ``output`` names.

    Raises:
        TeacherError: there is none of that name, or none was named and there are several.
    """
    found = made
    for step in output.split(".") if output else ():
        found = _step(found, step, output, made)
    if not isinstance(found, Tensor):
        raise TeacherError(
            f"output {output!r}: the generator returns {type(found).__name__}, not a tensor; "
            f"choose one of {_listed(made)}"
        )
    return found


def choices(made: Any, prefix: str = "") -> dict[str, tuple[int, ...]]:
    """The tensors in what a generator returned: way to each, and its shape."""
    if isinstance(made, Tensor):
        return {prefix: tuple(made.shape)}
    found: dict[str, tuple[int, ...]] = {}
    for name, value in _parts(made).items():
        found |= choices(value, f"{prefix}.{name}" if prefix else name)
    return found


def _parts(made: Any) -> dict[str, Any]:
    if isinstance(made, Mapping):
        return {str(name): value for name, value in made.items()}
    if isinstance(made, tuple | list):
        return {str(index): value for index, value in enumerate(made)}
    # A data class of results, such as diffusers' and transformers'.
    return {n: v for n, v in vars(made).items() if isinstance(v, Tensor)} if _plain(made) else {}


def _plain(made: Any) -> bool:
    return hasattr(made, "__dict__") and not isinstance(made, nn.Module | type)


def _step(made: Any, step: str, output: str, whole: Any) -> Any:
    parts = _parts(made)
    if step not in parts:
        near = difflib.get_close_matches(output, choices(whole), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise TeacherError(
            f"output {output!r}: the generator returns {_listed(whole)}, nothing of that name{hint}"
        )
    return parts[step]


def _listed(made: Any) -> str:
    found = choices(made)
    listed = [f"{name} ({'×'.join(map(str, shape))})" for name, shape in found.items()]
    return ", ".join(listed[:SHOWN]) + (", …" if len(listed) > SHOWN else "") or "no tensor"
