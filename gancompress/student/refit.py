"""How a module at full width takes on the widths, the tensors and the attributes of another.

Two modules have the same structure where one factory built both and only widths were changed
since: the same submodules, parameters and buffers by name, of other sizes.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor, nn

from gancompress.supernet.substitute import exchange

# What every nn.Module has of its own is no property of the architecture.
_BOOKKEEPING = frozenset(vars(nn.Module()))
_ABSENT = object()


def tensors(module: nn.Module) -> dict[str, Tensor]:
    """Every parameter and buffer once, also the buffers that ``state_dict`` leaves out."""
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def tied_names(module: nn.Module) -> dict[str, str]:
    """Further names of tied tensors, each with the name under which :func:`tensors` has it."""
    first = {id(tensor): name for name, tensor in tensors(module).items()}
    return {n: first[id(t)] for n, t in _by_every_name(module).items() if first[id(t)] != n}


def structural_differences(module: nn.Module, full: nn.Module) -> list[str]:
    """Names of submodules and tensors that only one has, or that are of another class."""
    ours = {n: type(m).__name__ for n, m in module.named_modules(remove_duplicate=False)}
    theirs = {n: type(m).__name__ for n, m in full.named_modules(remove_duplicate=False)}
    submodules = {
        n or "(root)" for n in ours.keys() | theirs.keys() if ours.get(n) != theirs.get(n)
    }
    tensors_apart = _by_every_name(module).keys() ^ _by_every_name(full).keys()
    return sorted(submodules | tensors_apart - set(dropped_names(module, full)))


def dropped_names(module: nn.Module, full: nn.Module) -> list[str]:
    """Names of the parameters of ``full`` that are None in ``module``."""
    own = dict(module.named_modules(remove_duplicate=False))
    found = []
    for name, _ in full.named_parameters(remove_duplicate=False):
        owner, _, leaf = name.rpartition(".")
        if owner in own and own[owner]._parameters.get(leaf, own) is None:
            found.append(name)
    return found


def drop(module: nn.Module, names: Iterable[str]) -> None:
    """Set the parameters of these names to None."""
    own = dict(module.named_modules(remove_duplicate=False))
    for owner, _, leaf in (name.rpartition(".") for name in names):
        if owner in own and leaf in own[owner]._parameters:
            own[owner]._parameters[leaf] = None


def plain_attributes(module: nn.Module) -> dict[str, dict[str, Any]]:
    """Every plain attribute of each submodule, as :func:`changed_attributes` gives those changed.

    Submodules without any are left out.
    """
    found = {name: _plain(submodule) for name, submodule in module.named_modules()}
    return {name: own for name, own in found.items() if own}


def changed_attributes(module: nn.Module, full: nn.Module) -> dict[str, dict[str, Any]]:
    """Plain attributes in which two modules of the same structure differ, such as ``in_channels``.

    Returns:
        ``{submodule name: {attribute: value in module}}``, numbers, texts and sequences of them.
    """
    changed: dict[str, dict[str, Any]] = {}
    for (name, ours), (_, theirs) in zip(module.named_modules(), full.named_modules(), strict=True):
        before = vars(theirs)
        own = {k: value for k, value in _plain(ours).items() if before.get(k, _ABSENT) != value}
        if own:
            changed[name] = own
    return changed


def set_attributes(module: nn.Module, attributes: Mapping[str, Mapping[str, Any]]) -> None:
    """Set what :func:`changed_attributes` found; lists become tuples where tuples were.

    Raises:
        AttributeError: there is no such submodule.
    """
    for name, changed in attributes.items():
        submodule = module.get_submodule(name)
        for key, value in changed.items():
            is_tuple = isinstance(vars(submodule).get(key), tuple)
            setattr(submodule, key, tuple(value) if is_tuple else value)


def unfitting_tensors(
    module: nn.Module, values: Mapping[str, Tensor], tied: Mapping[str, str]
) -> list[str]:
    """Names for which ``values`` has no tensor, or too many, or one of another dimensionality or
    another kind of numbers: whole, real or complex; real ones have 16 bits or more."""
    built = _by_every_name(module)
    found = {name: values.get(tied.get(name, name)) for name in built}
    unfitting = [
        name
        for name, value in found.items()
        if value is None or value.ndim != built[name].ndim or _kind(value) != _kind(built[name])
    ]
    return sorted({*unfitting, *(values.keys() - built.keys())})


def _kind(value: Tensor) -> tuple[bool, bool, bool]:
    real = value.is_floating_point()
    return real, value.is_complex(), real and value.itemsize == 1


def set_tensors(module: nn.Module, values: Mapping[str, Tensor], tied: Mapping[str, str]) -> None:
    """Replace every parameter and buffer, whatever its shape; tied names share one tensor.

    ``requires_grad`` stays as it was. Expects :func:`unfitting_tensors` to find nothing.
    """
    made: dict[str, Tensor] = {}
    replacements: dict[int, Tensor] = {}
    for name, old in _by_every_name(module).items():
        key = tied.get(name, name)
        if key not in made:
            is_parameter = isinstance(old, nn.Parameter)
            value = values[key]
            made[key] = nn.Parameter(value, old.requires_grad) if is_parameter else value
        owner, _, attribute = name.rpartition(".")
        submodule = module.get_submodule(owner)
        slots: dict[str, Any] = (
            submodule._parameters if attribute in submodule._parameters else submodule._buffers
        )
        slots[attribute] = made[key]
        replacements[id(old)] = made[key]
    exchange(module, replacements)


def _by_every_name(module: nn.Module) -> dict[str, Tensor]:
    return {
        **dict(module.named_parameters(remove_duplicate=False)),
        **dict(module.named_buffers(remove_duplicate=False)),
    }


def _plain(module: nn.Module) -> dict[str, Any]:
    return {k: v for k, v in vars(module).items() if k not in _BOOKKEEPING and _is_plain(v)}


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(_is_plain(entry) for entry in value)
    return value is None or isinstance(value, (bool, int, float, str))
