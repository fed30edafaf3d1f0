"""What a student file says of itself, checked before anything is built by it."""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from gancompress.batch import InputSpec, spec_from_json
from gancompress.errors import DataError, TeacherError

FORMAT = 1

_FIELDS = {
    *("format", "factory", "kwargs", "separable", "separable_norm", "inputs"),
    *("attributes", "tied", "provenance"),
}

# What each field of the description has to be.
_TYPES: dict[str, type | tuple[type, ...]] = {
    "factory": str, "kwargs": dict, "separable": list, "separable_norm": str, "inputs": dict,
    "attributes": dict, "tied": dict, "provenance": dict, "output_range": list, "output": str,
    "lists": bool, "half": bool, "dropped": list, "skipped": dict,
}  # fmt: skip

# The largest whole number among a factory's arguments: a width or a side.
MOST = 2**20

# Of an architecture at full width against its student. The published ones shrink up to 400 times.
MOST_TIMES = 10_000
ALWAYS_ALLOWED = 2**28


def unfit(description: Mapping[str, Any]) -> str:
    """What is wrong with a description whose fields are all there; empty if nothing is."""
    for name, kind in _TYPES.items():
        if name in description and not isinstance(description[name], kind):
            return f"{name} is a {type(description[name]).__name__}"
    if any(not isinstance(entry, str) for entry in description["separable"]):
        return "separable is no list of texts"
    if any(not isinstance(entry, str) for entry in description.get("dropped", [])):
        return "dropped is no list of texts"
    if any(not isinstance(entry, bool) for entry in description.get("skipped", {}).values()):
        return "skipped is no mapping of truth values"
    if any(not isinstance(entry, str) for entry in description["tied"].values()):
        return "tied is no mapping of texts"
    if any(not isinstance(entry, dict) for entry in description["attributes"].values()):
        return "attributes is no mapping of mappings"
    limits = description.get("output_range", [-1.0, 1.0])
    numbers = [x for x in limits if isinstance(x, int | float) and not isinstance(x, bool)]
    if len(numbers) != 2 or len(limits) != 2 or not -math.inf < limits[0] < limits[1] < math.inf:
        return "output_range is not black below white"
    if any(abs(number) > MOST for number in _numbers(description["kwargs"])):
        return f"kwargs holds a number beyond {MOST:,}"
    return ""


def inputs_of(description: Mapping[str, Any]) -> InputSpec:
    """The inputs that a description names.

    Raises:
        DataError: they are none.
    """
    try:
        return spec_from_json(description["inputs"])
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
        raise DataError(f"its inputs are none ({error})") from error


@contextmanager
def bounded(tensors: Mapping[str, Tensor]) -> Iterator[None]:
    """Stop a constructor that makes far more than a student of these tensors was cut from.

    A few bytes of arguments may ask for any number of layers of any size.

    Raises:
        DataError: it did.
    """
    most = max(ALWAYS_ALLOWED, MOST_TIMES * sum(t.numel() for t in tensors.values()))
    names = 100 * len(tensors) + 1_000
    made = [0, 0]

    def count(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        made[0] += 1
        made[1] += 0 if parameter is None else parameter.numel()
        if made[0] > names or made[1] > most:
            raise DataError("its arguments ask for far more than the file holds")

    hook = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        hook.remove()


def rehearsed(make: Callable[[], nn.Module]) -> nn.Module | None:
    """What ``make`` builds, without memory for its tensors; None where that cannot be done."""
    try:
        with torch.device("meta"):
            return make()
    except DataError:
        raise
    except Exception:  # a constructor that computes with its tensors
        return None


def _numbers(value: Any) -> Iterator[int | float]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _numbers(item)
    elif isinstance(value, int | float):
        yield value


def read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The description and the tensors of a student file.

    Raises:
        TeacherError: it is missing, damaged, or none.
    """
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get("gancompress")
            if text is None:
                raise TeacherError(
                    f"{path}: safetensors, but not a student: its metadata has no 'gancompress'; "
                    "students are written by `gancompress search` and `finetune`"
                )
            description = json.loads(text)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError as error:
        raise TeacherError(f"{path}: no such file; give the path of a student") from error
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        raise TeacherError(
            f"{path}: damaged, or not a student file ({error}); copy or export it again"
        ) from error
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        found = description.get("format") if isinstance(description, dict) else description
        raise TeacherError(
            f"{path}: student format {found!r}, this gancompress reads {FORMAT}; install the "
            "version that wrote it, or write it again"
        )
    if missing := _FIELDS - description.keys():
        raise TeacherError(f"{path}: damaged student description: no {', '.join(sorted(missing))}")
    if problem := unfit(description):
        raise TeacherError(f"{path}: damaged student description: {problem}")
    if description.get("half"):
        tensors = converted(tensors, torch.float16, torch.float32)
    return description, tensors


def converted(
    tensors: Mapping[str, Tensor], old: torch.dtype, new: torch.dtype
) -> dict[str, Tensor]:
    """Those of the type ``old`` as ``new``, the others as they are."""
    return {name: t.to(new) if t.dtype == old else t for name, t in tensors.items()}
