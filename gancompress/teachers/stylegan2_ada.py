"""What a StyleGAN2-ADA pickle records of its generator beside the tensors."""

from collections.abc import Mapping
from typing import Any

from gancompress.errors import TeacherError
from gancompress.teachers.persistence import PersistentObject
from gancompress.teachers.pickle_machine import show

# Settings that our network has in one value only; a file with another is another network.
_FIXED: dict[str, dict[str, Any]] = {
    "mapping_kwargs": {"activation": "lrelu", "lr_multiplier": 0.01},
    "synthesis_kwargs": {"architecture": "skip", "activation": "lrelu", "use_noise": True},
}


def recorded_settings(record: Any, where: str) -> dict[str, Any]:
    """The arguments that shapes do not show; none where the record is of another network.

    Raises:
        TeacherError: the generator is not of StyleGAN2's published form.
    """
    if not isinstance(record, PersistentObject) or record.class_name != "Generator":
        return {}
    for section, fixed in _FIXED.items():
        recorded = _section(record.kwargs, section)
        for key, value in fixed.items():
            if recorded.get(key, value) != value:
                raise TeacherError(
                    f"{where}: {section}.{key} is {show(recorded[key])}; "
                    f"only {value!r} is supported"
                )
    return {"conv_clamp": _conv_clamp(record, where)}


def _conv_clamp(network: PersistentObject, where: str) -> float | None:
    """The clamp, as recorded for the constructor or, in old files, on the layers themselves."""
    recorded = _section(network.kwargs, "synthesis_kwargs")
    clamp = recorded.get("conv_clamp") if recorded else _first_clamp(network)
    if clamp is not None and (type(clamp) not in (int, float) or not clamp > 0):
        raise TeacherError(f"{where}: conv_clamp {show(clamp)}: must be a positive number")
    return None if clamp is None else float(clamp)


def _first_clamp(network: PersistentObject) -> Any:
    layer: Any = network
    for name in ("synthesis", "b4", "conv1"):
        children = layer.state.get("_modules") if isinstance(layer, PersistentObject) else None
        layer = children.get(name) if isinstance(children, dict) else None
    return layer.state.get("conv_clamp") if isinstance(layer, PersistentObject) else None


def _section(kwargs: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = kwargs.get(name, {})
    return value if isinstance(value, dict) else {}
