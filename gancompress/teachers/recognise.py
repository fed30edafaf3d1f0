"""Which family a state dict is of: the one whose module has exactly its tensors.

The module is built on the meta device from what the shapes say, so that a file cannot make it
large before its tensors are found to be that large; then the file's tensors become the module's.
"""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from gancompress.errors import GancompressError, TeacherError
from gancompress.generators.build import BUILT_IN, build
from gancompress.generators.signed import RANGE
from gancompress.resolve import resolve
from gancompress.student.finite import check_finite
from gancompress.teachers.explain import explain, options
from gancompress.teachers.families import families
from gancompress.teachers.family import Arguments, Tensors, Undecided
from gancompress.teachers.fit import Fit
from gancompress.teachers.plain_names import plain

_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


@dataclass(frozen=True)
class Recognised:
    """A network that was found in a file.

    Attributes:
        family: a key of :data:`gancompress.teachers.families.FAMILIES`.
        factory: built-in name of the architecture.
        kwargs: the factory's arguments; with them it builds the module again.
        module: with the file's weights, on the CPU, in evaluation mode.
        output_range: black and white of what the module answers.
        assumptions: what the tensors do not show and was taken as published, a sentence each.
    """

    family: str
    factory: str
    kwargs: Arguments
    module: nn.Module
    output_range: tuple[float, float] = RANGE
    assumptions: tuple[str, ...] = field(default=())


def recognise(
    tensors: Mapping[str, Tensor],
    where: str,
    family: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Recognised:
    """Find the family of a state dict and load it.

    Args:
        tensors: by name, as the file has them: ``torch.compile``, spectral and weight norm and the
            statistics that old instance norms carry are dealt with.
        where: names the file in errors.
        family: try this one only.
        settings: arguments of the factory that tensors do not show (``size``, ``upsampling``,
            ``conv_clamp``); they go before what was read.

    Raises:
        TeacherError: no family fits; it lists what the file holds, and the closest family with the
            first tensors that do not fit. Or a setting is needed that tensors do not show.
    """
    shapes = {name: torch.empty_like(tensor, device="meta") for name, tensor in tensors.items()}
    fits = fitting(shapes, where, family, settings)
    if not fits or fits[0].misfits:
        fits = [*fits, *fitting_by_name(shapes, where, family)]
        raise TeacherError(explain({n: tuple(t.shape) for n, t in shapes.items()}, fits, where))
    return filled(fits[0], lambda: tensors, where, settings)


def fitting(
    tensors: Mapping[str, Tensor],
    where: str,
    family: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> list[Fit]:
    """The families whose arguments tensors of these shapes tell, the best first; one alone that
    fits without misfits.

    Args:
        tensors: on the meta device; the others are those of :func:`recognise`.

    Raises:
        TeacherError: no such family, or no family takes the settings.
    """
    named = plain(tensors, where)
    tried = _families(family)
    fits = []
    for name in tried:
        fit = _fit(name, named, settings or {})
        if fit is not None and not fit.misfits:
            return [fit]
        fits += [fit] if fit is not None else []
    if settings and not any(_takes(name, settings) for name in tried):
        raise TeacherError(f"{where}: {', '.join(settings)}: not arguments of {' or '.join(tried)}")
    return fits


def fitting_by_name(
    tensors: Mapping[str, Tensor], where: str, family: str | None = None
) -> list[Fit]:
    """Every family by the names of its tensors alone, as it is by default, to say what is nearest.

    Arguments are those of :func:`fitting`.
    """
    named = plain(tensors, where)
    fits = [_fit(name, named, None) for name in _families(family)]
    return [fit for fit in fits if fit is not None]


def filled(
    fit: Fit,
    tensors: Callable[[], Mapping[str, Tensor]],
    where: str,
    settings: Mapping[str, Any] | None = None,
) -> Recognised:
    """The network of a fit without misfits, with its tensors.

    Args:
        fit: of :func:`fitting`.
        tensors: gives the values; asked once, so that each can be let go when it is taken over.
        where: names the file in errors.
        settings: as for :func:`recognise`.

    Raises:
        TeacherError: a number is not finite, or a setting is needed that tensors do not show.
    """
    open_questions = {n: v for n, v in fit.kwargs.items() if isinstance(v, Undecided)}
    if open_questions:
        name, question = next(iter(open_questions.items()))
        raise TeacherError(
            f"{where}: {question.why}; its tensors do not show which {name} it was trained with, "
            f"and the pictures differ. Say it: {options(name, question.options)}"
        )
    family = families()[fit.family]
    module = load(fit.module, (family.convert or dict)(plain(tensors(), where)), where)
    assumed = _assumptions(fit, settings or {})
    return Recognised(
        family=fit.family,
        factory=family.factory,
        kwargs=fit.kwargs,
        module=module,
        output_range=family.output_range,
        assumptions=assumed,
    )


def _assumptions(fit: Fit, settings: Mapping[str, Any]) -> tuple[str, ...]:
    """A sentence for each argument that was taken as published."""
    family = families()[fit.family]
    defaults = _parameters(family.factory)
    reasons = family.assumes(fit.shapes, fit.kwargs)
    found = []
    for name, reason in reasons.items():
        if name not in settings:
            value = fit.kwargs[name] if name in fit.kwargs else defaults[name].default
            found.append(f"{name}={value} is assumed: {reason}")
    return tuple(found)


def _families(family: str | None) -> list[str]:
    if family is None:
        return list(families())
    if family not in families():
        raise TeacherError(f"teacher family {family!r}: expected one of {', '.join(families())}")
    return [family]


def _parameters(factory: str) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(resolve(factory, BUILT_IN)).parameters


def _takes(name: str, settings: Mapping[str, Any]) -> bool:
    return settings.keys() <= _parameters(families()[name].factory).keys()


def _fit(name: str, tensors: Tensors, settings: Mapping[str, Any] | None) -> Fit | None:
    """Compare the file with a family: built as the shapes say, or, without settings, as it is by
    default, and then by names alone.
    """
    family = families()[name]
    others = {n for other in families().values() for n in other.beside} - set(family.beside)
    tensors = {n: value for n, value in tensors.items() if n not in others}
    try:
        if family.convert is not None and settings is not None:
            tensors = family.convert(tensors)
        shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        kwargs = {} if settings is None else {**family.read(shapes), **settings}
        certain = {n: v.options[0] if isinstance(v, Undecided) else v for n, v in kwargs.items()}
        module = _build(family.factory, certain)
    # Shapes of another family, or sizes and settings that its factory refuses.
    except (KeyError, IndexError, ValueError, ArithmeticError, RuntimeError, GancompressError):
        return None
    unused = _unused_statistics(module)
    held = {n: s for n, s in shapes.items() if n not in unused and not re.match(family.unused, n)}
    expected = {n: tuple(tensor.shape) for n, tensor in module.state_dict().items()}
    # Files older than PyTorch 0.4.1 do not count batches.
    expected = {n: s for n, s in expected.items() if n in held or not n.endswith(_STATISTICS[2])}
    return Fit.of(name, kwargs, module, shapes, held, expected, by_name=settings is None)


class _WithoutValues(TorchFunctionMode):
    """Builds tensors of the right shapes and leaves out what would only change their values.

    On the meta device random numbers and divisions have no effect, but run through decompositions
    in Python whose import alone takes longer than reading a file.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        module, name = getattr(func, "__module__", ""), getattr(func, "__name__", "")
        if module == "torch.nn.init" or name in ("normal_", "uniform_"):
            return args[0] if args else kwargs["tensor"]
        if func is torch.randn:
            return torch.empty(*args, **kwargs)
        if func is torch.tensor:  # written out in the program, so small
            return func(*args, **{**kwargs, "device": "cpu"})
        if name in ("div", "__truediv__") and args[0].is_meta and isinstance(args[1], float | int):
            return args[0]
        return func(*args, **kwargs)


def _build(factory: str, kwargs: Arguments) -> nn.Module:
    with torch.random.fork_rng(devices=[]), torch.device("meta"), _WithoutValues():
        return build(factory, **kwargs)


def _unused_statistics(module: nn.Module) -> set[str]:
    """Statistics that PyTorch before 0.4 saved for instance norms, and never used."""
    return {
        f"{name}.{statistic}"
        for name, inner in module.named_modules()
        if isinstance(inner, nn.InstanceNorm2d) and not inner.track_running_stats
        for statistic in _STATISTICS
    }


def fitted(factory: str, kwargs: Arguments, tensors: Tensors, where: str) -> nn.Module:
    """The network of a factory on the meta device, found to have exactly these tensors.

    Raises:
        TeacherError: it has others.
    """
    module = _build(factory, kwargs)
    held, expected = ({n: tuple(v.shape) for n, v in found.items()}
                      for found in (tensors, module.state_dict()))  # fmt: skip
    fit = Fit.of(factory, kwargs, module, held, held, expected, by_name=False)
    if fit.misfits:
        raise TeacherError(
            f"{where}: its weights do not fit its config.json: {'; '.join(fit.misfits[:3])}; fetch "
            "both again, of one revision"
        )
    return module


def load(module: nn.Module, tensors: dict[str, Tensor], where: str) -> nn.Module:
    """``module`` with these values, in evaluation mode. ``tensors`` is emptied, so that no more
    memory is taken than that of the file and of what is widened.

    Raises:
        TeacherError: a number is not finite.
    """
    values = {}
    for name, expected in module.state_dict().items():
        value = tensors.pop(name, torch.zeros((), dtype=torch.int64)).to(expected.dtype)
        check_finite({name: value}, where)
        values[name] = value
    module.load_state_dict(values, assign=True)
    return module.eval()
