"""What a pickle of StyleGAN2-ADA or StyleGAN3 records of its generator beside the tensors."""

from collections.abc import Mapping
from typing import Any

from gancompress.errors import TeacherError
from gancompress.teachers.persistence import PersistentObject
from gancompress.teachers.pickle_machine import show

# Settings that our network has in one value only; a file with another is another network.
_FIXED: dict[str, dict[str, Any]] = {
    "mapping_kwargs": {"activation": "lrelu", "lr_multiplier": 0.01},
    "synthesis_kwargs": {"activation": "lrelu", "use_noise": True},
}


def recorded_settings(record: Any, where: str) -> dict[str, Any]:
    """The arguments that shapes do not show; none where the record is of another network.

    Raises:
        TeacherError: the generator is not of StyleGAN2's published form.
    """
    if not isinstance(record, PersistentObject) or record.class_name != "Generator":
        return {}
    layer = _first_layer(record)
    if layer is not None:
        return {"conv_clamp": _clamp(layer.state.get("conv_clamp"), where)}
    for section, fixed in _FIXED.items():
        # StyleGAN3's programs record the arguments of StyleGAN2's synthesis beside the others.
        recorded = {**record.kwargs, **_section(record.kwargs, section)}
        for key, value in fixed.items():
            if recorded.get(key, value) != value:
                raise TeacherError(
                    f"{where}: {section}.{key} is {show(recorded[key])}; only {value!r} is "
                    "supported. Give the publisher's module as teacher.factory"
                )
    return {"conv_clamp": _conv_clamp(record, where)}


def _conv_clamp(network: PersistentObject, where: str) -> float | None:
    """The clamp, as recorded for the constructor or, in old files, on the layers themselves."""
    recorded = {**network.kwargs, **_section(network.kwargs, "synthesis_kwargs")}
    told = "conv_clamp" in recorded or _section(network.kwargs, "synthesis_kwargs")
    layer = _inner(_inner(_inner(network, "synthesis"), "b4"), "conv1")
    kept = layer.state.get("conv_clamp") if layer is not None else None
    return _clamp(recorded.get("conv_clamp") if told else kept, where)


def _clamp(clamp: Any, where: str) -> float | None:
    if clamp is not None and (type(clamp) not in (int, float) or not clamp > 0):
        raise TeacherError(f"{where}: conv_clamp {show(clamp)}: must be a positive number")
    return None if clamp is None else float(clamp)


def _first_layer(network: PersistentObject) -> PersistentObject | None:
    """The first layer of StyleGAN3's synthesis, whose name tells its number."""
    synthesis = _inner(network, "synthesis")
    children = synthesis.state.get("_modules") if synthesis is not None else None
    names = [name for name in children or {} if type(name) is str and name.startswith("L0_")]
    return _inner(synthesis, names[0]) if names else None


def _inner(network: PersistentObject | None, name: str) -> PersistentObject | None:
    children = network.state.get("_modules") if network is not None else None
    found = children.get(name) if isinstance(children, dict) else None
    return found if isinstance(found, PersistentObject) else None


def _section(kwargs: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = kwargs.get(name, {})
    return value if isinstance(value, dict) else {}
