"""Which networks a file holds: state dicts and modules, at any depth, and under which prefix."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from gancompress.errors import TeacherError
from gancompress.teachers.inert import Inert
from gancompress.teachers.persistence import PersistentObject
from gancompress.teachers.torch_claims import TensorClaim
from gancompress.teachers.torch_file import ReadFile

# More than any network has; a module that holds another twice, which holds … has 2^n.
_MAX_MODULES = 10_000
# What is looked through for networks: objects, and how deep they lie.
_MAX_OBJECTS = 100_000
_MAX_DEPTH = 8
# Prefixes before a network's own names.
_MAX_PREFIXES = 4
# No generator has fewer tensors, but a state dict has many groups that do.
_FEWEST = 4

# Part of a name: that of weights averaged over the training.
_AVERAGED = "ema"


@dataclass(frozen=True)
class Found:
    """Tensors that belong together.

    Attributes:
        name: where the file has them, in dotted keys; empty for the file's own.
        tensors: by name; claims until they are asked for.
        record: the module that they are of, where the file holds it whole.
        beside: tensors that lie beside the network itself, one level up.
        left: how many tensors lie beside those with the prefix of ``name``, by their prefixes.
    """

    name: str
    tensors: Mapping[str, Tensor | TensorClaim]
    record: PersistentObject | Inert | None = None
    beside: Mapping[str, Tensor | TensorClaim] = field(default_factory=dict)
    left: Mapping[str, int] = field(default_factory=dict)

    @property
    def averaged(self) -> bool:
        """Whether the name says that its weights are averages over the training."""
        return _AVERAGED in self.name.lower()

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of its tensors, by name."""
        return {name: tuple(value.shape) for name, value in self.tensors.items()}

    def on_meta(self) -> dict[str, Tensor]:
        """Its tensors without their values, on the meta device."""
        return {name: _without_values(value) for name, value in self.tensors.items()}

    def load(self, file: ReadFile) -> dict[str, Tensor]:
        """Its tensors, which nothing else holds."""
        found = {name: _tensor(value, file) for name, value in self.tensors.items()}
        file.forget()
        return found


def networks_in(file: ReadFile) -> list[Found]:
    """Every state dict and every module in the file, in the order in which they are met.

    Raises:
        TeacherError: it nests without end.
    """
    found: list[Found] = []
    seen: set[int] = set()
    waiting: list[tuple[str, Any, Mapping[str, Any], int]] = [("", file.tree, {}, 0)]
    while waiting:
        name, value, beside, depth = waiting.pop()
        if id(value) in seen or depth > _MAX_DEPTH or len(seen) > _MAX_OBJECTS:
            continue
        seen.add(id(value))
        if is_module(value):
            found.append(Found(name, module_tensors(value, file.where), value, beside))
            continue
        if is_optimizer(value):
            continue
        own = tensors_of(value)
        if own:
            found.append(Found(name, own, None, beside))
        inner = [(_joined(name, key), child, own, depth + 1) for key, child in _children(value)]
        waiting += reversed(inner)
    return found


def under_prefixes(network: Found, depth: int = 0) -> Iterator[list[Found]]:
    """``network`` as it is, then without the prefix that all names share, or by its prefixes.

    Yields:
        Alternatives, to be tried one after another; each is the networks that it falls into.
    """
    yield [network]
    if depth >= _MAX_PREFIXES:
        return
    groups: dict[str, dict[str, Tensor | TensorClaim]] = {}
    for name, value in network.tensors.items():
        prefix, _, rest = name.partition(".")
        groups.setdefault(prefix if rest else "", {})[rest or name] = value
    if len(groups) == 1 and "" not in groups:
        yield from under_prefixes(replace(network, tensors=groups.popitem()[1]), depth + 1)
        return
    counts = {prefix or "tensors of its own": len(group) for prefix, group in groups.items()}
    apart = [
        Found(
            _joined(network.name, prefix),
            group,
            beside={**network.beside, **groups.get("", {})},
            left={other: n for other, n in counts.items() if other != prefix},
        )
        for prefix, group in groups.items()
        if prefix and len(group) >= _FEWEST
    ]
    if apart:
        yield apart
        for group in apart:
            # The group itself has been tried just now.
            yield from list(under_prefixes(group, depth + 1))[1:]


def is_module(value: Any) -> bool:
    """Whether a file holds a whole ``nn.Module`` there."""
    fields = fields_of(value)
    return type(fields.get("_modules")) is dict and type(fields.get("_parameters")) is dict


def is_optimizer(value: Any) -> bool:
    """Whether it is the state of an optimizer."""
    return type(value) is dict and value.keys() >= {"state", "param_groups"}


def fields_of(value: Any) -> Mapping[Any, Any]:
    """The ``__dict__`` of an object that stays data; empty for anything else."""
    if isinstance(value, PersistentObject):
        return value.state
    return value.fields if isinstance(value, Inert) else {}


def module_tensors(module: Any, where: str) -> dict[str, TensorClaim]:
    """The parameters and buffers of a module and its submodules, by dotted name.

    Raises:
        TeacherError: its modules hold one another without end.
    """
    found: dict[str, TensorClaim] = {}
    waiting: list[tuple[str, Any]] = [("", module)]
    for _ in range(_MAX_MODULES):
        if not waiting:
            return found
        prefix, inner = waiting.pop()
        fields = fields_of(inner)
        kept_apart = fields.get("_non_persistent_buffers_set", ())
        for part in ("_parameters", "_buffers"):
            for name, value in _mapping(fields, part, prefix, where).items():
                hidden = part == "_buffers" and isinstance(kept_apart, set) and name in kept_apart
                if isinstance(value, TensorClaim) and not hidden:
                    found[f"{prefix}{name}"] = value
        children = _mapping(fields, "_modules", prefix, where).items()
        waiting += [(f"{prefix}{name}.", child) for name, child in children if child is not None]
    raise TeacherError(f"{where}: more than {_MAX_MODULES:,} modules; no published network has")


def tensors_of(value: Any) -> dict[str, Tensor | TensorClaim]:
    """The tensors that a mapping holds directly under names."""
    items = _items(value)
    return {
        key: inner
        for key, inner in items.items()
        if type(key) is str and isinstance(inner, Tensor | TensorClaim)
    }


def _items(value: Any) -> Mapping[Any, Any]:
    if isinstance(value, Inert):
        return value.items or value.fields
    return value if isinstance(value, dict) else {}


def _children(value: Any) -> list[tuple[str, Any]]:
    if type(value) in (list, tuple):
        return [(str(index), child) for index, child in enumerate(value)]
    if isinstance(value, PersistentObject):
        return []
    members = value.members if isinstance(value, Inert) else []
    listed = [(str(index), child) for index, child in enumerate(members)]
    return listed + [(str(k), v) for k, v in _items(value).items() if not isinstance(v, Tensor)]


def _mapping(fields: Mapping[Any, Any], part: str, prefix: str, where: str) -> Mapping[Any, Any]:
    value = fields.get(part, {})
    if type(value) is not dict:
        raise TeacherError(f"{where}: {prefix}{part}: {type(value).__name__}, not a mapping")
    return value


def _joined(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key


def _without_values(value: Tensor | TensorClaim) -> Tensor:
    dtype = value.dtype if isinstance(value, Tensor) else value.storage.dtype
    return torch.empty(tuple(value.shape), dtype=dtype, device="meta")


def _tensor(value: Tensor | TensorClaim, file: ReadFile) -> Tensor:
    return value if isinstance(value, Tensor) else file.tensor(value)
