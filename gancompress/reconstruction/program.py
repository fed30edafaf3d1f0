"""What a module calls, and where the outputs of its layers go: the sums that they are part of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancompress.reconstruction.layer import Layer
from gancompress.reconstruction.modulation import base_of, is_demodulation, ungrouped
from gancompress.reconstruction.parameters import SCALINGS, Origin
from gancompress.reconstruction.paused import pass_over
from gancompress.reconstruction.reading import read
from gancompress.reconstruction.recorder import Place, Recorder
from gancompress.supernet.skip import Skips


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
        grouped: whether the call gets a weight of each sample.
        style, factor: where a modulated layer's styles and the demodulation of its outputs are
            computed, see :mod:`gancompress.reconstruction.modulation`.
    """

    call: int
    layer: Layer
    weight: Origin
    bias: Origin | None
    target: int
    steps: tuple[Step, ...]
    grouped: bool = False
    style: Place | None = None
    factor: Place | None = None

    def read(self, func: Any, args: Any, kwargs: Any) -> Layer:
        """The layer as it is called."""
        layer = read(func, args, kwargs)
        assert layer is not None
        if self.grouped:
            assert self.layer.weight is not None
            layer = ungrouped(layer, self.weight.view)
            assert layer is not None
        return layer

    @property
    def modulated(self) -> bool:
        """Whether styles come with it."""
        return self.grouped or self.style is not None

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


def trace(module: nn.Module, batch: Mapping[str, Tensor], skips: Skips | None = None) -> Program:
    """Run ``module`` once, in evaluation mode, on ``batch`` and see what it calls.

    ``skips``: submodules that are passed over, see
    :func:`gancompress.reconstruction.paused.pass_over`.
    """
    recorder = Recorder(module, batch)
    pass_over(module, batch, recorder.on_call, skips)
    names = [getattr(call.func, "__name__", str(call.func)) for call in recorder.calls]
    program = Program(calls=names, skips=skips or {})
    for number, call in enumerate(recorder.calls):
        if call.layer is not None and call.out is not None:
            found = call.layer
            target, steps = _into_sums(recorder, number)
            style, factor = _demodulated(recorder, number) or (None, None)
            site = Site(
                call=number,
                layer=replace(found.layer, source=torch.empty(0)),
                weight=found.weight,
                bias=found.bias,
                target=target,
                steps=steps,
                grouped=found.grouped,
                style=style,
                factor=factor,
            )
            program.sites.append(site)
    program.sites = _of_one_form(program.sites)
    return program


def _demodulated(recorder: Recorder, number: int) -> tuple[Place, Place] | None:
    """Where the styles and the demodulation of an ordinary convolution are computed, if they are:
    its source is a product with the styles, and some tensor is the demodulation of its weight."""
    call = recorder.calls[number]
    assert call.layer is not None
    layer = call.layer.layer
    plain = layer.groups == 1 and layer.bias is None and not call.layer.grouped
    made = recorder.places.get(call.values[0])
    if not plain or "convolution" not in layer.kind or not isinstance(made, int):
        return None
    product, base = recorder.calls[made], base_of(layer)
    if product.func not in SCALINGS:
        return None
    size = len(layer.source) * base.shape[1]
    for value in product.values:
        style = recorder.of(value)
        if value not in recorder.places or style.numel() != size:
            continue
        for place, other in reversed(list(enumerate(recorder.calls))):
            factor = None if other.out is None else recorder.of(other.out)
            if factor is None or factor.numel() != len(layer.source) * len(base):
                continue
            if is_demodulation(factor, style.view(len(layer.source), -1), base):
                return recorder.places[value], place
    return None


def _of_one_form(sites: list[Site]) -> list[Site]:
    """Without layers that share a weight, but not the bias: their equations are not one system.
    Nor are those of modulated layers that share one."""
    biases: dict[object, set[object]] = {}
    for site in sites:
        key = None if site.bias is None else site.bias.key
        biases.setdefault(site.weight.key, set()).add(key)
    keys = [site.weight.key for site in sites]
    alone = [keys.count(key) == 1 for key in keys]
    return [
        site
        for site, once in zip(sites, alone, strict=True)
        if once or (len(biases[site.weight.key]) == 1 and not site.modulated)
    ]


def _into_sums(recorder: Recorder, layer: int) -> tuple[int, tuple[Step, ...]]:
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


def _step(recorder: Recorder, number: int, value: int, layer: int) -> Step | None:
    call = recorder.calls[number]
    if call.layer is not None and call.layer.layer.kind == "norm" and call.values[0] == value:
        plain = call.layer.weight.view.dim() == 1
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
