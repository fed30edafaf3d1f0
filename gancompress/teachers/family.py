"""One published family of checkpoints: how its files are recognised and read.

A reader takes the shapes by name and returns the arguments of the family's factory. Where a tensor
that it goes by is missing it fails with a KeyError: the file is of another family.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from gancompress.generators.signed import RANGE

Shapes = Mapping[str, tuple[int, ...]]
Arguments = dict[str, Any]
Tensors = Mapping[str, Tensor]


@dataclass(frozen=True)
class Undecided:
    """The value of an argument that tensors do not show, and that no published default settles.

    Attributes:
        options: the values that it may have; the network is fitted with the first.
        why: what the file shows of it.
    """

    options: tuple[Any, ...]
    why: str


def nothing(_: Shapes, __: Arguments) -> dict[str, str]:
    """The assumptions of a family whose tensors show all that matters."""
    return {}


def always(**reasons: str) -> Callable[[Shapes, Arguments], dict[str, str]]:
    """The same assumptions for every file of a family."""
    return lambda shapes, arguments: dict(reasons)


@dataclass(frozen=True)
class Family:
    """One published family.

    Attributes:
        factory: built-in name of its architecture.
        read: shapes to the factory's arguments.
        unused: pattern of names that its files hold and its networks never use.
        convert: the file's tensors under the names and shapes of our architecture; a KeyError says
            that the file is of another family. None where names are the same.
        output_range: black and white of what the factory's module answers.
        assumes: of the shapes and all arguments, the arguments that tensors do not show and that
            are taken as published, each with the reason.
        beside: names of tensors that its files keep beside the network.
        publisher: who publishes such files, and the licence of the original program.
        proof: what our network was compared with.
    """

    factory: str
    read: Callable[[Shapes], Arguments]
    unused: str = "(?!)"
    convert: Callable[[Tensors], dict[str, Tensor]] | None = None
    output_range: tuple[float, float] = RANGE
    assumes: Callable[[Shapes, Arguments], dict[str, str]] = nothing
    beside: tuple[str, ...] = ()
    publisher: str = ""
    proof: str = ""


def count(shapes: Mapping[str, Any], pattern: str) -> int:
    """How many names match ``pattern`` as a whole."""
    return sum(1 for name in shapes if re.fullmatch(pattern, name))


def renamed(
    tensors: Tensors, *pairs: tuple[str, str | Callable[[re.Match[str]], str]]
) -> dict[str, Tensor]:
    """``tensors`` with each (pattern, replacement) applied to every name, in turn.

    Raises:
        KeyError: two names become one.
    """
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        for pattern, replacement in pairs:
            name = re.sub(pattern, replacement, name)
        if name in found:
            raise KeyError(name)
        found[name] = tensor
    return found
