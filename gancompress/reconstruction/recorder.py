"""What a module calls in one pass: layers, and which value goes where."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from gancompress.reconstruction.layer import Layer
from gancompress.reconstruction.modulation import candidates, ungrouped
from gancompress.reconstruction.parameters import Origin, Origins
from gancompress.reconstruction.reading import read

# Where a value comes from: the number of a call, or the name of an input.
Place = int | str

# Functions that only ask something of a tensor.
_QUESTIONS = frozenset(("size", "dim", "numel", "stride", "is_contiguous", "is_floating_point"))


@dataclass(frozen=True)
class ReadCall:
    """A call as a layer, with where its weight and bias come from."""

    layer: Layer
    weight: Origin
    bias: Origin | None
    grouped: bool = False


@dataclass
class Call:
    """A function with what it got and gave; values are numbers of the recorder."""

    func: Any
    args: Any
    kwargs: Mapping[str, Any]
    values: list[int]
    out: int | None
    layer: ReadCall | None


class Recorder:
    """Numbers values; what is changed in place becomes another value."""

    def __init__(self, module: nn.Module, batch: Mapping[str, Tensor]) -> None:
        self.calls: list[Call] = []
        self.places: dict[int, Place] = {}
        self.uses: dict[int, list[int]] = {}
        self._origins = Origins(module)
        self._parameters = dict(module.named_parameters())
        self._values: dict[int, int] = {}
        self._alive: list[Tensor] = []
        for name, tensor in batch.items():
            self.places[self._fresh(tensor)] = name

    def on_call(self, number: int, func: Any, args: Any, kwargs: Any) -> Any:
        values = [self.value(t) for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)]
        layer = self._layer(func, args, kwargs)
        out = func(*args, **kwargs)
        self._origins.note(func, args, kwargs, out)
        made = None
        if isinstance(out, Tensor):
            made = self._fresh(out)
            self.places[made] = number
        if getattr(func, "__name__", "") not in _QUESTIONS:
            for value in dict.fromkeys(values):
                self.uses.setdefault(value, []).append(number)
        self.calls.append(
            Call(func=func, args=args, kwargs=kwargs, values=values, out=made, layer=layer)
        )
        return out

    def value(self, tensor: Tensor) -> int:
        known = self._values.get(id(tensor))
        return self._fresh(tensor) if known is None else known

    def _fresh(self, tensor: Tensor) -> int:
        self._alive.append(tensor)
        self._values[id(tensor)] = len(self._alive)
        return len(self._alive)

    def of(self, value: int) -> Tensor:
        """The tensor of that number."""
        return self._alive[value - 1]

    def _layer(self, func: Any, args: Any, kwargs: Any) -> ReadCall | None:
        layer = read(func, args, kwargs)
        if layer is None or layer.weight is None:
            return None
        weight, bias = self._origins.of(layer.weight), self._origins.of(layer.bias)
        if layer.bias is not None and bias is None:
            return None
        return self._grouped(layer) if weight is None else ReadCall(layer, weight, bias)

    def _grouped(self, layer: Layer) -> ReadCall | None:
        """A convolution with a group for each sample, of a parameter under styles."""
        if "convolution" not in layer.kind or layer.bias is not None:
            return None
        for name, base in candidates(layer, self._parameters):
            found = ungrouped(layer, base)
            if found is not None:
                return ReadCall(found, Origin(name, base), None, grouped=True)
        return None
