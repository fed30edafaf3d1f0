"""Arguments that would make a network fit, tried before they are proposed."""

import inspect
from collections.abc import Mapping
from typing import Any

import yaml
from torch import Tensor

from gancompress.assemble.check.network import Network
from gancompress.batch import WHOLE, InputSpec
from gancompress.errors import RecipeError
from gancompress.generators.build import BUILT_IN
from gancompress.resolve import resolve


def fitting(
    factory: str, kwargs: Mapping[str, Any], inputs: InputSpec, output: tuple[int, ...] | None
) -> dict[str, Any]:
    """Arguments by their usual names that follow from shapes, where the factory has other ones.

    Args:
        factory: of a generator or discriminator.
        kwargs: what it is given.
        inputs: of the generator.
        output: (C, H, W) of its images.
    """
    known: dict[str, Any] = {}
    for entry in inputs.values():
        if entry.choices:
            known["classes"] = entry.choices
        elif entry.kind == "label_map":
            known["label_channels"] = entry.shape[0]
        elif entry.kind not in ("image", *WHOLE) and len(entry.shape) == 1:
            known["z_dim"] = entry.shape[0]
    if output is not None and len(output) == 3:
        known["channels"] = output[0]
        if output[1] == output[2]:
            known["resolution"] = output[1]
    try:
        parameters = inspect.signature(resolve(factory, BUILT_IN)).parameters
    except (RecipeError, TypeError, ValueError):  # some callables in C have no signature
        return {}
    return {
        name: value
        for name, value in known.items()
        if name in parameters and kwargs.get(name, parameters[name].default) != value
    }


def proposal(
    place: str, changes: Mapping[str, Any], network: Network, fed: Mapping[str, Any], *first: Tensor
) -> str:
    """``; e.g. PLACE: {…}`` where ``network``, which has these arguments, runs; or nothing."""
    if not changes:
        return ""
    try:
        network("", *first, **fed)
    except Exception:  # a proposal that fails is none
        return ""
    text = yaml.safe_dump(dict(changes), default_flow_style=True, sort_keys=True).strip()
    return f", e.g. {place}: {text}"
