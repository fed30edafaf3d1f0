"""What a module calls, and where the outputs of its layers go: the sums that they are part of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from gancompress.reconstruction.layer import Layer
from gancompress.reconstruction.parameters import Origin, Origins
from gancompress.reconstruction.paused import pass_over
from gancompress.reconstruction.reading import read
from gancompress.supernet.skip import Skips

# Where a value comes from: the number of a call, or the name of an input.
Place = int | str

# Functions that only ask something of a tensor.
_QUESTIONS = frozenset(("size", "dim", "numel", "stride", "is_contiguous", "is_floating_point"))


@dataclass(frozen=True)
class Step:
    """``out = factor × value + other_factor × other``, on a layer's way into a sum; or a norm, the
    number of whose call is ``norm``."""

    factor: float
    other: Place | None = None
    other_factor: float = 0.0
    norm: int | None = None


@dataclass(frozen=True)
class Site:
    """A layer of a program.

    Attributes:
        call: number of the call.
        layer: the layer, without its source.
        weight, bias: where they come from; None where the layer has none.
        target: number of the call whose result is to be met: the layer's own, or the last sum that
            its output is a linear part of.
        steps: from the layer's output to that.
    """

    call: int
    layer: Layer
    weight: Origin
    bias: Origin | None
    target: int
    steps: tuple[Step, ...]

    @property
    def others(self) -> tuple[Place, ...]:
        """The further terms of the sums."""
        return tuple(step.other for step in self.steps if step.other is not None)


@dataclass
class Program:
    """The layers of a module in execution order.

    Attributes:
        sites: the layers.
        calls: names of all functions.
        skips: submodules whose layers and functions are not among these.
    """

    sites: list[Site] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    skips: Skips = field(default_factory=dict)


@dataclass
class _Call:
    func: Any
    args: Any
    kwargs: Mapping[str, Any]
    values: list[int]
    out: int | None
    layer: tuple[Layer, Origin, Origin | None] | None


class _Recorder:
    """Numbers values; what is changed in place becomes another value."""

    def __init__(self, origins: Origins, batch: Mapping[str, Tensor]) -> None:
        self.calls: list[_Call] = []
        self.places: dict[int, Place] = {}
        self.uses: dict[int, list[int]] = {}
        self._origins = origins
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
            _Call(func=func, args=args, kwargs=kwargs, values=values, out=made, layer=layer)
        )
        return out

    def value(self, tensor: Tensor) -> int:
        known = self._values.get(id(tensor))
        return self._fresh(tensor) if known is None else known

    def _fresh(self, tensor: Tensor) -> int:
        self._alive.append(tensor)
        self._values[id(tensor)] = len(self._alive)
        return len(self._alive)

    def _layer(
        self, func: Any, args: Any, kwargs: Any
    ) -> tuple[Layer, Origin, Origin | None] | None:
        layer = read(func, args, kwargs)
        if layer is None or layer.weight is None:
            return None
        weight, bias = self._origins.of(layer.weight), self._origins.of(layer.bias)
        if weight is None or (layer.bias is not None and bias is None):
            return None
        return layer, weight, bias


def trace(module: nn.Module, batch: Mapping[str, Tensor], skips: Skips | None = None) -> Program:
    """Run ``module`` once, in evaluation mode, on ``batch`` and see what it calls.

    ``skips``: submodules that are passed over, see
    :func:`gancompress.reconstruction.paused.pass_over`.
    """
    recorder = _Recorder(Origins(module), batch)
    pass_over(module, batch, recorder.on_call, skips)
    names = [getattr(call.func, "__name__", str(call.func)) for call in recorder.calls]
    program = Program(calls=names, skips=skips or {})
    for number, call in enumerate(recorder.calls):
        if call.layer is not None and call.out is not None:
            layer, weight, bias = call.layer
            bare = replace(layer, source=torch.empty(0))
            target, steps = _into_sums(recorder, number)
            program.sites.append(
                Site(call=number, layer=bare, weight=weight, bias=bias, target=target, steps=steps)
            )
    program.sites = _of_one_bias(program.sites)
    return program


def _of_one_bias(sites: list[Site]) -> list[Site]:
    """Without layers that share a weight, but not the bias: their equations are not one system."""
    biases: dict[object, set[object]] = {}
    for site in sites:
        key = None if site.bias is None else site.bias.key
        biases.setdefault(site.weight.key, set()).add(key)
    return [site for site in sites if len(biases[site.weight.key]) == 1]


def _into_sums(recorder: _Recorder, layer: int) -> tuple[int, tuple[Step, ...]]:
    """Follow a layer's output as long as it only goes into sums with what was there before it."""
    steps: list[Step] = []
    target, complete = layer, 0
    number = layer
    while True:
        value = recorder.calls[number].out
        uses = recorder.uses.get(value, []) if value is not None else []
        if value is None or len(uses) != 1:
            break
        number = uses[0]
        step = _step(recorder, number, value, layer)
        if step is None:
            break
        steps.append(step)
        if step.other is not None:
            target, complete = number, len(steps)
    return target, tuple(steps[:complete])


def _step(recorder: _Recorder, number: int, value: int, layer: int) -> Step | None:
    call = recorder.calls[number]
    if call.layer is not None and call.layer[0].kind == "norm" and call.values[0] == value:
        plain = call.layer[1].view.dim() == 1
        return Step(1.0, norm=number) if plain else None
    entry = _LINEAR.get(call.func)
    if entry is None or call.out is None or not call.args:
        return None
    first, second = call.args[0], call.args[1] if len(call.args) > 1 else None
    if not isinstance(second, Tensor):
        return entry(first, second, call.kwargs, False)
    if call.values.count(value) != 1 or first is second or first.shape != second.shape:
        return None
    mine_second = call.values.index(value) == 1
    step = entry(first, second, call.kwargs, mine_second)
    other = call.values[0 if mine_second else 1]
    place = recorder.places.get(other)
    if step is None or place is None or (isinstance(place, int) and place >= layer):
        return None
    return Step(step.factor, place, step.other_factor)


_Entry = Callable[[Any, Any, Mapping[str, Any], bool], Step | None]


def _add(sign: float) -> _Entry:
    def entry(a: Any, b: Any, kwargs: Mapping[str, Any], swapped: bool) -> Step | None:
        alpha = kwargs.get("alpha", 1)
        if not isinstance(b, Tensor) or not isinstance(alpha, (int, float)):
            return None
        factors = (1.0, sign * alpha)
        return Step(factors[swapped], None, factors[not swapped])

    return entry


def _scale(power: int) -> _Entry:
    def entry(a: Any, b: Any, kwargs: Mapping[str, Any], swapped: bool) -> Step | None:
        if isinstance(b, bool) or not isinstance(b, (int, float)) or b == 0:
            return None
        return Step(float(b) ** power)

    return entry


def _same(a: Any, b: Any, kwargs: Mapping[str, Any], swapped: bool) -> Step | None:
    return None if isinstance(b, Tensor) or kwargs.get("training") else Step(1.0)


_LINEAR: dict[Any, _Entry] = {
    **dict.fromkeys((torch.add, Tensor.add, Tensor.add_, Tensor.__iadd__), _add(1.0)),
    **dict.fromkeys((torch.sub, Tensor.sub, Tensor.sub_), _add(-1.0)),
    **dict.fromkeys((torch.mul, Tensor.mul, Tensor.mul_), _scale(1)),
    **dict.fromkeys((torch.div, Tensor.div, Tensor.div_), _scale(-1)),
    **dict.fromkeys((F.dropout, Tensor.contiguous, Tensor.clone, torch.clone), _same),
}
