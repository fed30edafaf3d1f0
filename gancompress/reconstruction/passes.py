"""The passes of student and teacher over one batch, as far as the layers have been solved."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from torch import Tensor, nn

from gancompress.batch import Batch
from gancompress.reconstruction.layer import Layer, Moments
from gancompress.reconstruction.modulation import grouped, modulated
from gancompress.reconstruction.parking import Lot
from gancompress.reconstruction.paused import Pause, PausedRun, pass_over
from gancompress.reconstruction.program import Program
from gancompress.reconstruction.reading import read, weight_places
from gancompress.reconstruction.recorder import Place


class StudentPass:
    """Stops before every layer, and keeps the further terms of sums until they have been used."""

    def __init__(
        self, module: nn.Module, program: Program, batch: Batch, seed: int, lot: Lot
    ) -> None:
        self._lot = lot
        self._program = program
        self._sites = {site.call: index for index, site in enumerate(program.sites)}
        self._last_use: dict[Place, int] = {}
        for index, site in enumerate(program.sites):
            needed = [place for place in (site.style, site.factor) if place is not None]
            self._last_use.update(dict.fromkeys([*site.others, *needed], index))
        self._others: dict[Place, Tensor] = {n: t for n, t in batch.items() if n in self._last_use}
        self._new: tuple[Tensor, Tensor | None] | None = None
        self._scaled = {
            index
            for index, site in enumerate(program.sites)
            if site.weight.scale != 1
            or site.weight.computed is not None
            or site.grouped
            or (site.bias is not None and site.bias.scale != 1)
        }

        def body(pause: Pause) -> None:
            pass_over(module, batch, partial(self._on_call, pause), program.skips)

        self._run = PausedRun(body, seed)

    def reach(self, index: int) -> Layer:
        """Run up to layer ``index`` of the program."""
        layer: Layer = self._run.advance()
        return layer

    def replace(self, weight: Tensor, bias: Tensor | None) -> None:
        """Go on with these where the layer's weights are not the parameters themselves."""
        self._new = weight, bias

    def other(self, index: int, place: Place) -> Tensor:
        """A further term of the sum that layer ``index`` is part of."""
        return self._others[place]

    def close(self) -> None:
        self._run.close()

    def _on_call(self, pause: Pause, number: int, func: Any, args: Any, kwargs: Any) -> Any:
        self._lot.meet((args, kwargs))
        index = self._sites.get(number)
        if index is not None:
            args, kwargs = self._solved(pause, index, func, args, kwargs)
        out = func(*args, **kwargs)
        self._lot.note((args, kwargs), out)
        if number in self._last_use:
            self._others[number] = out
        return out

    def _solved(self, pause: Pause, index: int, func: Any, args: Any, kwargs: Any) -> Any:
        """The arguments of a layer with the weights that are had after the pause."""
        site = self._program.sites[index]
        layer = site.read(func, args, kwargs)
        if site.grouped:
            self._lot.note((), layer.source)
        if site.style is not None:
            layer = modulated(layer, self._others[site.style])
        factor = self._others.get(site.factor) if site.factor is not None else None
        before = None if factor is None else layer.factors()
        pause(layer)
        weight, bias = self._new or (layer.weight, layer.bias)
        self._new = None
        solved = replace(layer, weight=weight)
        if factor is not None and before is not None:
            # Computed from the former weights.
            factor.mul_((solved.factors() / before).view_as(factor))
        for place in [p for p, last in self._last_use.items() if last <= index]:
            self._others.pop(place, None)
        if index not in self._scaled:
            return args, kwargs
        if site.grouped:
            weight = grouped(solved)
        return _with_new(func, args, kwargs, (weight, bias))


def _with_new(func: Any, args: Any, kwargs: Any, new: Sequence[Tensor | None]) -> tuple[Any, Any]:
    """The arguments of a layer with other weights."""
    args, kwargs = list(args), dict(kwargs)
    for (name, position), value in zip(weight_places(func), new, strict=False):
        if position < len(args) and args[position] is not None:
            args[position] = value
        elif kwargs.get(name) is not None:
            kwargs[name] = value
    return args, kwargs


class TeacherPass:
    """Stops after every call whose result is a target."""

    def __init__(
        self, module: nn.Module, program: Program, batch: Batch, seed: int, lot: Lot
    ) -> None:
        self._lot = lot
        self._targets = [site.target for site in program.sites]
        self._wanted = set(self._targets)
        self._norms = {s.norm for site in program.sites for s in site.steps if s.norm is not None}
        self._styles = {site.style for site in program.sites if site.style is not None}
        self._kept: dict[Place, Tensor] = {n: t for n, t in batch.items() if n in self._styles}
        self._results: dict[int, Tensor] = {}
        self._layers: dict[int, tuple[Layer, Moments]] = {}

        def body(pause: Pause) -> None:
            pass_over(module, batch, partial(self._on_call, pause), program.skips)

        self._run = PausedRun(body, seed)

    def target(self, index: int) -> Tensor:
        """What layer ``index`` is to meet, in all channels."""
        call = self._targets[index]
        while call not in self._results:
            self._run.advance()
        later = call in self._targets[index + 1 :]
        return self._results[call] if later else self._results.pop(call)

    def norm(self, call: int) -> tuple[Layer, Moments]:
        """The norm of that call, which was passed on the way to a target, and its moments."""
        return self._layers.pop(call)

    def style(self, place: Place) -> Tensor:
        """The styles of a modulated layer."""
        return self._kept.pop(place)

    def close(self) -> None:
        self._run.close()

    def _on_call(self, pause: Pause, number: int, func: Any, args: Any, kwargs: Any) -> Any:
        self._lot.meet((args, kwargs))
        if number in self._norms:
            layer = read(func, args, kwargs)
            assert layer is not None and layer.moments is not None
            self._layers[number] = layer, layer.moments(layer.source)
        out = func(*args, **kwargs)
        self._lot.note((args, kwargs), out)
        if number in self._styles:
            self._kept[number] = out
        if number in self._wanted:
            # A copy: what comes next may work in place.
            self._results[number] = out.clone()
            self._lot.note((), self._results[number])
            pause(number)
        return out
