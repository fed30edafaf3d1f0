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
class Family:
    """One published family.

    Attributes:
        factory: built-in name of its architecture.
        read: shapes to the factory's arguments.
        unused: pattern of names that its files hold and its networks never use.
        convert: the file's tensors under the names and shapes of our architecture; a KeyError says
            that the file is of another family. None where names are the same.
        output_range: black and white of what the factory's module answers.
    """

    factory: str
    read: Callable[[Shapes], Arguments]
    unused: str = "(?!)"
    convert: Callable[[Tensors], dict[str, Tensor]] | None = None
    output_range: tuple[float, float] = RANGE


def count(shapes: Mapping[str, Any], pattern: str) -> int:
    """How many names match ``pattern`` as a whole."""
    return sum(1 for name in shapes if re.fullmatch(pattern, name))


def renamed(tensors: Tensors, *pairs: tuple[str, str]) -> dict[str, Tensor]:
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
