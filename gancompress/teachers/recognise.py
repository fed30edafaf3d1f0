"""Which family a state dict is of: the one whose module has exactly its tensors.

The module is built on the meta device from what the shapes say, so that a file cannot make it
large before its tensors are found to be that large; then the file's tensors become the module's.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from gancompress.errors import GancompressError, TeacherError
from gancompress.generators.build import build
from gancompress.generators.signed import RANGE
from gancompress.teachers.families import FAMILIES
from gancompress.teachers.family import Arguments, Shapes, Tensors

# How many tensors an error lists of each sort.
_SHOWN = 5

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
    """

    family: str
    factory: str
    kwargs: Arguments
    module: nn.Module
    output_range: tuple[float, float] = RANGE


@dataclass(frozen=True)
class _Fit:
    """How well one family fits."""

    family: str
    kwargs: Arguments
    module: nn.Module
    tensors: Tensors  # under our names
    misfits: tuple[str, ...]
    named: float  # share of all names that both have
    same: int  # tensors of the same name and shape


def recognise(
    tensors: Mapping[str, Tensor],
    where: str,
    family: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Recognised:
    """Find the family of a state dict and load it.

    Args:
        tensors: by name, as the file has them: a leading ``module.`` of DataParallel, spectral norm
            and the statistics that old instance norms carry are dealt with.
        where: names the file in errors.
        family: try this one only.
        settings: arguments of the factory that tensors do not show (``size``, ``upsampling``,
            ``conv_clamp``); they go before what was read.

    Raises:
        TeacherError: no family fits; it lists what the file holds, and the closest family with the
            first tensors that do not fit.
    """
    plain = fold_spectral_norm(without_prefix(tensors), where)
    tried = _families(family)
    fits: list[_Fit] = []
    # Families whose arguments the shapes tell first; the others only to say how far off they are.
    for as_default in (False, True):
        for name in tried:
            fit = _fit(name, plain, settings or {}, as_default)
            if fit is not None and not fit.misfits:
                return _recognised(fit, where)
            fits += [fit] if fit is not None else []
    if not fits:
        raise TeacherError(
            f"{where}: {', '.join(settings or {})}: not arguments of {' or '.join(tried)}"
        )
    shapes = {name: tuple(tensor.shape) for name, tensor in plain.items()}
    raise TeacherError(_explain(shapes, max(fits, key=lambda fit: (fit.named, fit.same)), where))


def without_prefix(tensors: Mapping[str, Tensor], prefix: str = "module.") -> dict[str, Tensor]:
    """The tensors without the prefix that DataParallel gives to every name."""
    if not all(name.startswith(prefix) for name in tensors):
        return dict(tensors)
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}


def fold_spectral_norm(tensors: Mapping[str, Tensor], where: str) -> dict[str, Tensor]:
    """``weight_orig`` over its spectral norm uᵀWv, as the layer computes it when it is frozen."""
    folded = {}
    for name, tensor in tensors.items():
        layer, _, last = name.rpartition("weight_")
        if last in ("u", "v") and f"{layer}weight_orig" in tensors:
            continue
        if last != "orig":
            folded[name] = tensor
            continue
        u, v = tensors.get(f"{layer}weight_u"), tensors.get(f"{layer}weight_v")
        rows = tensor.flatten(1)
        if u is None or v is None or u.shape != rows.shape[:1] or v.shape != rows.shape[1:]:
            raise TeacherError(
                f"{where}: {name}: weight_u and weight_v of its spectral norm are missing or do "
                "not fit; save the network again, or save it with the norm removed"
            )
        folded[f"{layer}weight"] = tensor / torch.dot(u, rows @ v)
    return folded


def _families(family: str | None) -> list[str]:
    if family is None:
        return list(FAMILIES)
    if family not in FAMILIES:
        raise TeacherError(f"teacher family {family!r}: expected one of {', '.join(FAMILIES)}")
    return [family]


def _recognised(fit: _Fit, where: str) -> Recognised:
    family = FAMILIES[fit.family]
    module = _load(fit, where)
    return Recognised(fit.family, family.factory, fit.kwargs, module, family.output_range)


def _fit(name: str, tensors: Tensors, settings: Mapping[str, Any], as_default: bool) -> _Fit | None:
    """Compare the file with a family, built as the shapes say or as it is by default."""
    family = FAMILIES[name]
    try:
        if family.convert is not None and not as_default:
            tensors = family.convert(tensors)
        shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        kwargs = {**({} if as_default else family.read(shapes)), **settings}
        module = _build(family.factory, kwargs)
    # Shapes of another family, or sizes and settings that its factory refuses.
    except (KeyError, IndexError, ValueError, ArithmeticError, RuntimeError, GancompressError):
        return None
    unused = _unused_statistics(module)
    held = {n: s for n, s in shapes.items() if n not in unused and not re.match(family.unused, n)}
    expected = {n: tuple(tensor.shape) for n, tensor in module.state_dict().items()}
    misfits = [
        f"{n}: {_shape(held.get(n))} in the file, {_shape(shape)} in {name}"
        for n, shape in expected.items()
        # Files older than PyTorch 0.4.1 do not count batches.
        if held.get(n) != shape and (n in held or not n.endswith("num_batches_tracked"))
    ]
    extra = [n for n in held if n not in expected]
    misfits += [f"{n}: {_shape(held[n])} in the file, not in {name}" for n in extra]
    named = len(expected.keys() & held.keys())
    same = sum(1 for n, shape in expected.items() if held.get(n) == shape)
    share = named / (len(expected) + len(extra))
    return _Fit(name, kwargs, module, tensors, tuple(misfits), share, same)


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


def _load(fit: _Fit, where: str) -> nn.Module:
    values = {}
    for name, expected in fit.module.state_dict().items():
        value = fit.tensors.get(name, torch.zeros((), dtype=torch.int64)).to(expected.dtype)
        if value.is_floating_point() and not value.isfinite().all():
            raise TeacherError(f"{where}: {name} holds numbers that are not finite")
        values[name] = value
    fit.module.load_state_dict(values, assign=True)
    return fit.module.eval()


def _explain(shapes: Shapes, best: _Fit, where: str) -> str:
    listed = [f"{name} {_shape(shape)}" for name, shape in list(shapes.items())[:_SHOWN]]
    lines = [
        f"{where}: not a generator of a family that is known ({', '.join(FAMILIES)})",
        f"it holds {len(shapes)} tensors: {', '.join(listed)}{_more(len(shapes))}",
    ]
    if not best.named:
        lines.append("none of these names is known")
    else:
        lines.append(f"closest is {best.family}: {best.same} tensors fit, these do not:")
        lines += [f"  {misfit}" for misfit in best.misfits[:_SHOWN]]
        if len(best.misfits) > _SHOWN:
            lines.append(f"  and {len(best.misfits) - _SHOWN} more")
    lines.append("for another architecture give its own factory: teacher.factory: 'file.py:build'")
    return "\n".join(lines)


def _more(count: int) -> str:
    return f" and {count - _SHOWN} more" if count > _SHOWN else ""


def _shape(shape: tuple[int, ...] | None) -> str:
    if shape is None:
        return "missing"
    return "×".join(map(str, shape)) or "a number"
