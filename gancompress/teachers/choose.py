"""Which of the networks in a file is the teacher."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from gancompress.errors import TeacherError
from gancompress.teachers.explain import NEAR, explain
from gancompress.teachers.explain import nearest as best_of
from gancompress.teachers.families import families
from gancompress.teachers.fit import Fit
from gancompress.teachers.networks import Found, is_optimizer, networks_in, under_prefixes
from gancompress.teachers.not_a_checkpoint import ANOTHER_FRAMEWORK
from gancompress.teachers.other_networks import what_else
from gancompress.teachers.recognise import Recognised, filled, fitting, fitting_by_name
from gancompress.teachers.stylegan2_ada import recorded_settings
from gancompress.teachers.torch_claims import TensorClaim
from gancompress.teachers.torch_file import ReadFile

_Attempt = tuple[Found, Fit]
# How many networks of a file are looked at to say what is nearest.
_EXPLAINED = 8


def choose(
    file: ReadFile,
    family: str | None,
    part: str | None,
    settings: Mapping[str, Any],
) -> Recognised:
    """The one generator in a file, or the one that ``part`` names.

    Raises:
        TeacherError: there is none, or there are several and nothing says which.
    """
    networks = networks_in(file)
    if not networks:
        raise TeacherError(_nothing(file))
    parts = {network.name: network for network in [*networks, *_joined(networks)]}
    if part is not None:
        return _take(file, _named(parts, part, file.where), family, settings, [])
    averaged = [network for network in parts.values() if network.averaged]
    others = [network for network in parts.values() if not network.averaged]
    nearest: list[tuple[Found, list[Fit]]] = []
    for group in filter(None, (averaged, others)):
        found = [
            a for network in group for a in _attempts(file, network, family, settings, nearest)
        ]
        if len(found) > 1:
            names = "|".join(network.name or "''" for network, _ in found)
            raise TeacherError(f"{file.where}: holds several generators; say which: part={names}")
        if found:
            return _filled(file, found[0], settings, _beside(found[0], networks))
    raise TeacherError(_explained(file, nearest, family))


def _take(
    file: ReadFile,
    network: Found,
    family: str | None,
    settings: Mapping[str, Any],
    remarks: list[str],
) -> Recognised:
    nearest: list[tuple[Found, list[Fit]]] = []
    found = _attempts(file, network, family, settings, nearest)
    if not found:
        raise TeacherError(_explained(file, nearest, family))
    if len(found) > 1:
        names = "|".join(inner.name for inner, _ in found)
        raise TeacherError(f"{file.where}: holds several generators; say which: part={names}")
    return _filled(file, found[0], settings, remarks)


def _attempts(
    file: ReadFile,
    network: Found,
    family: str | None,
    settings: Mapping[str, Any],
    nearest: list[tuple[Found, list[Fit]]],
) -> list[_Attempt]:
    """The generators that ``network`` is or falls into; what comes near goes to ``nearest``."""
    for alternative in under_prefixes(network):
        found = []
        for part in alternative:
            fits = _fits(file, part, family, settings)
            if fits and not fits[0].misfits:
                found.append((part, fits[0]))
            else:
                nearest.append((part, fits))
        if found:
            return found
    return []


def _fits(
    file: ReadFile, network: Found, family: str | None, settings: Mapping[str, Any]
) -> list[Fit]:
    told = {**recorded_settings(network.record, file.where), **settings}
    return fitting(_shapes(network), _where(file, network), family, told)


def _shapes(network: Found) -> dict[str, Tensor]:
    """Its tensors on the meta device, with those beside it that a family keeps there."""
    wanted = {name for family in families().values() for name in family.beside}
    beside = {n: value for n, value in network.beside.items() if n in wanted}
    return replace(network, tensors={**beside, **network.tensors}).on_meta()


def _filled(
    file: ReadFile, attempt: _Attempt, settings: Mapping[str, Any], remarks: Sequence[str]
) -> Recognised:
    network, fit = attempt
    beside = {n: v for n, v in network.beside.items() if n in families()[fit.family].beside}
    whole = replace(network, tensors={**beside, **network.tensors})
    told = {**recorded_settings(network.record, file.where), **settings}
    found = filled(fit, lambda: whole.load(file), _where(file, network), told)
    return replace(found, assumptions=(*remarks, *found.assumptions))


def _where(file: ReadFile, network: Found) -> str:
    return f"{file.where}: {network.name}" if network.name else file.where


def _joined(networks: Sequence[Found]) -> list[Found]:
    """Networks that work together: MUNIT's translations (the encoder of contents of one domain, the
    rest of the other), StarGAN v2's generator with its mapping network.
    """
    by_name = {network.name.rpartition(".")[2]: network for network in networks}
    joined = []
    if by_name.keys() >= {"a", "b"}:
        for source, target in (("a", "b"), ("b", "a")):
            merged = _translation(by_name[source], by_name[target])
            joined.append(Found(f"{source}2{target}", merged))
    if by_name.keys() >= {"generator", "mapping_network"}:
        generator, mapping = by_name["generator"], by_name["mapping_network"]
        inner = {f"mapping_network.{n}": v for n, v in _unwrapped(mapping).items()}
        joined.append(replace(generator, tensors={**_unwrapped(generator), **inner}))
    return joined


def _unwrapped(network: Found) -> dict[str, Any]:
    return {name.removeprefix("module."): value for name, value in network.tensors.items()}


def _translation(source: Found, target: Found) -> dict[str, Any]:
    kept = {n: v for n, v in target.tensors.items() if not n.startswith("enc_content.")}
    return kept | {n: v for n, v in source.tensors.items() if n.startswith("enc_content.")}


def _named(parts: Mapping[str, Found], part: str, where: str) -> Found:
    """The network that ``part`` names: in full, by its last key, or as a prefix inside another."""
    if part in parts:
        return parts[part]
    ending = [found for name, found in parts.items() if name.endswith(f".{part}")]
    inside = [
        Found(
            part,
            {
                n.removeprefix(f"{part}."): v
                for n, v in found.tensors.items()
                if n.startswith(f"{part}.")
            },
        )
        for found in parts.values()
    ]
    for found in (*ending, *inside):
        if found.tensors:
            return found
    listed = ", ".join(name or "tensors of its own" for name in parts)
    raise TeacherError(f"{where}: has no part {part!r}; it holds {listed}")


def _beside(chosen: _Attempt, networks: Sequence[Found]) -> list[str]:
    """What is said of what was left where one network was taken."""
    network, _ = chosen
    others = [other.name for other in networks if other.name and other.name != network.name]
    remarks = []
    if network.averaged and others:
        remarks.append(
            f"part={network.name} is taken, the average over the training; beside it: "
            f"{', '.join(others)}"
        )
    if network.left:
        counts = ", ".join(f"{name} ({count})" for name, count in network.left.items())
        remarks.append(f"part={network.name} is taken; tensors left beside it: {counts}")
    return remarks


def _explained(
    file: ReadFile, nearest: Sequence[tuple[Found, list[Fit]]], family: str | None
) -> str:
    """The error for the network that comes nearest, or that is known to be something else."""

    def nearness(attempt: tuple[Found, list[Fit]]) -> tuple[float, int]:
        network, fits = attempt
        return (best_of(fits).named if fits else 0.0, len(network.tensors))

    largest = sorted(nearest, key=lambda attempt: len(attempt[0].tensors), reverse=True)
    looked = [
        (part, [*fits, *fitting_by_name(_shapes(part), file.where, family)])
        for part, fits in largest[:_EXPLAINED]
    ]
    network, fits = max(looked, key=nearness)
    told = [attempt for attempt in nearest if what_else(attempt[0].shapes)]
    if told and (not fits or best_of(fits).named < NEAR):
        network, fits = told[0]
    return explain(network.shapes, fits, _where(file, network), path=file.where)


def _nothing(file: ReadFile) -> str:
    """The error for a file without tensors under names."""
    tree, skipped = file.tree, " ".join(file.skipped)
    if "dnnlib.tflib" in skipped:
        return (
            f"{file.where}: StyleGAN of TensorFlow; convert it with legacy.py of "
            "stylegan2-ada-pytorch (--source=…pkl --dest=…pkl) and give what that writes"
        )
    if "multiarray._reconstruct" in skipped:
        return f"{file.where}: arrays of numpy (PaddlePaddle, JAX, Chainer): {ANOTHER_FRAMEWORK}"
    if is_optimizer(tree) or (isinstance(tree, Mapping) and any(map(is_optimizer, tree.values()))):
        return (
            f"{file.where}: the state of an optimizer, without a network; give the file that has "
            "the weights, mostly beside it"
        )
    if isinstance(tree, Mapping):
        held = ", ".join(map(str, tree)) or "nothing"
        return f"{file.where}: holds no tensors (it holds: {held[:200]}); save network.state_dict()"
    kind = "Tensor" if isinstance(tree, Tensor | TensorClaim) else type(tree).__name__
    return f"{file.where}: holds a {kind}, not a state dict; save network.state_dict() instead"
