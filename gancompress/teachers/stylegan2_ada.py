"""The generator in a StyleGAN2-ADA pickle, and what its tensors do not show of it."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from gancompress.errors import TeacherError
from gancompress.teachers.persistence import PersistentObject, state_dict_of
from gancompress.teachers.pickle_machine import shorten, show

# Settings that our network has in one value only; a file with another is another network.
_FIXED: dict[str, dict[str, Any]] = {
    "mapping_kwargs": {"activation": "lrelu", "lr_multiplier": 0.01},
    "synthesis_kwargs": {"architecture": "skip", "activation": "lrelu", "use_noise": True},
}


def read_generator(loaded: Any, where: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The state dict of ``G_ema`` and the arguments that shapes do not show.

    Args:
        loaded: what :func:`gancompress.teachers.persistence.read_persistent` gave: the file's
            mapping, or a network by itself.
        where: names the file in errors.

    Raises:
        TeacherError: there is no generator, or it is not of StyleGAN2's published form.
    """
    network = loaded.get("G_ema", loaded.get("G")) if isinstance(loaded, dict) else loaded
    if not isinstance(network, PersistentObject) or network.class_name != "Generator":
        held = (
            shorten(", ".join(map(str, loaded)))
            if isinstance(loaded, dict)
            else type(loaded).__name__
        )
        raise TeacherError(f"{where}: a pickle without a StyleGAN2 generator (it holds: {held})")
    for section, fixed in _FIXED.items():
        recorded = _section(network.kwargs, section)
        for key, value in fixed.items():
            if recorded.get(key, value) != value:
                raise TeacherError(
                    f"{where}: {section}.{key} is {show(recorded[key])}; "
                    f"only {value!r} is supported"
                )
    return state_dict_of(network, where), {"conv_clamp": _conv_clamp(network, where)}


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
