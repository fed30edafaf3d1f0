"""What flows where in a walk: every value has a number, whichever tensors hold it.

Copies and views of the whole share their source's number; what an operator changes in place has
another one afterwards.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class Visit:
    """One run of a module of a network.

    Attributes:
        path: of the module.
        given: number of its first argument; None where that is no tensor.
        made: number of its result; None where that is no tensor.
    """

    path: str
    given: int | None
    made: int | None


class Flow:
    """Numbers the values of a walk.

    Attributes:
        visits: runs of modules, in the order in which they ended.
        results: numbers of the network's outputs.
        scaled: numbers of sums whose second term is multiplied by a number.
        names: of the parameters and buffers, by number.
    """

    def __init__(self) -> None:
        self.visits: list[Visit] = []
        self.results: set[int] = set()
        self.scaled: set[int] = set()
        self.names: dict[int, str] = {}
        self._numbers: dict[int, int] = {}
        self._alive: list[Tensor] = []
        self._count = 0
        self._given: list[int | None] = []

    def of(self, tensor: Tensor) -> int:
        """The number of what ``tensor`` holds now."""
        found = self._numbers.get(id(tensor))
        return self.fresh(tensor) if found is None else found

    def fresh(self, tensor: Tensor) -> int:
        """A new number for what ``tensor`` holds from now on."""
        self._alive.append(tensor)
        self._count += 1
        self._numbers[id(tensor)] = self._count
        return self._count

    def made(self, outputs: Sequence[Tensor], source: Tensor | None, *, scaled: bool) -> None:
        """An operator made ``outputs``, which hold what ``source`` does if there is one."""
        for tensor in outputs:
            number = self.fresh(tensor) if source is None else self.of(source)
            self._alive.append(tensor)
            self._numbers[id(tensor)] = number
            if scaled:
                self.scaled.add(number)

    def begin(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """A module begins to run."""
        first = next(iter((*args, *kwargs.values())), None)
        self._given.append(self.of(first) if isinstance(first, Tensor) else None)

    def end(self, path: str, made: Any) -> None:
        """The module that began last has run."""
        number = self.of(made) if isinstance(made, Tensor) else None
        self.visits.append(Visit(path, self._given.pop(), number))

    def forget_tensors(self) -> None:
        """Let go of the tensors of the run."""
        self._alive.clear()
        self._numbers.clear()
