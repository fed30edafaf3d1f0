"""How an option is declared: its default, its range and one line of explanation.

Each component has a dataclass of such fields beside it (``distillation/options.py``, …). The
functions of the library take it, and the recipe is composed of the same dataclasses.
"""

import dataclasses
import math
from collections.abc import Mapping
from numbers import Integral, Real
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from gancompress.errors import OptionError

# Of whole numbers without limits of their own: what all libraries hold (64 bits).
LARGEST = 2**63 - 1

# Of what a machine makes that many of: threads, processes, requests.
MOST_WORKERS = 1_024

# Seeds that every library takes.
LARGEST_SEED = 2**32 - 1

# What a field of each plain kind takes, and how that is called.
_KINDS: dict[Any, tuple[type, str]] = {
    bool: (bool, "true or false"),
    int: (Integral, "a whole number"),
    float: (Real, "a number"),
    str: (str, "a text"),
}


def option(
    default: Any,
    doc: str,
    low: float | None = None,
    high: float | None = None,
    *,
    above: float | None = None,
    below: float | None = None,
    formerly: str = "",
) -> Any:
    """A field of an options dataclass.

    Args:
        default: its value where none is given; a list or mapping is copied for each instance.
        doc: one line of explanation.
        low, high: smallest and largest value of a number, or of each of several.
        above, below: the same, without that value itself.
        formerly: the name that it had before; a recipe that uses it is told the new one.
    """
    limits = {"low": low, "high": high, "above": above, "below": below}
    metadata = {"doc": doc, "formerly": formerly, **limits}
    if isinstance(default, dict | list):
        return dataclasses.field(default_factory=lambda: type(default)(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def required(doc: str) -> Any:
    """A field without a default."""
    return dataclasses.field(metadata={"doc": doc})


def section(options: type, doc: str) -> Any:
    """A field that holds further options, by default those of ``options()``."""
    return dataclasses.field(default_factory=options, metadata={"doc": doc})


def out_of_range(field: "dataclasses.Field[Any]", value: Any) -> str:
    """What is wrong with a number, or one of several, e.g. ``-1 is below 0``; empty if nothing is.

    No number may be infinite, none (NaN), or a whole one of more than 64 bits, however deep in
    lists and mappings it is: every file, override and call of the library is checked here.
    """
    return next((problem for one in _numbers(value) if (problem := _wrong(field, one))), "")


def _numbers(value: Any) -> "list[int | float]":
    if isinstance(value, Mapping):
        return [number for item in value.values() for number in _numbers(item)]
    if isinstance(value, list | tuple):
        return [number for item in value for number in _numbers(item)]
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else []


def _wrong(field: "dataclasses.Field[Any]", value: int | float) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value} is no finite number"
    limits = field.metadata
    if (low := limits.get("low")) is not None and value < low:
        return f"{_short(value)} is below {low}"
    if (high := limits.get("high")) is not None and value > high:
        return f"{_short(value)} is above {high}"
    if (above := limits.get("above")) is not None and value <= above:
        return f"{_short(value)} is not above {above}"
    if (below := limits.get("below")) is not None and value >= below:
        return f"{_short(value)} is not below {below}"
    if isinstance(value, int) and abs(value) > LARGEST:
        return f"{_short(value)} has more than 64 bits"
    return ""


def _short(value: int | float) -> str:
    return str(value) if isinstance(value, float) or abs(value) < 10**20 else "a longer number"


def check_ranges(options: Any, place: str) -> None:
    """Check the numbers and choices of an options dataclass that was made in Python.

    Raises:
        OptionError: naming every one that is out of its range, with its place.
    """
    mistakes = _mistakes(options, place)
    if mistakes:
        raise OptionError("; ".join(mistakes))


def check_whole(value: int, place: str, low: int, high: int = LARGEST) -> None:
    """Check a whole number that was given by itself.

    Raises:
        OptionError: it is none, or out of its range.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise OptionError(f"{place}: {value!r}; give a whole number from {low} to {high}")


def check_seed(value: int, place: str) -> None:
    """Check a seed that was given by itself; raises as :func:`check_whole`."""
    check_whole(value, place, 0, LARGEST_SEED)


def check_number(value: float, place: str, low: float) -> None:
    """Check a number that was given by itself.

    Raises:
        OptionError: it is none, not finite, or below ``low``.
    """
    if not _is_a(value, Real) or not low <= value < math.inf:
        raise OptionError(f"{place}: {value!r}; give a number of {low:g} or more")


def check_image_range(limits: object, place: str) -> None:
    """Check the values of black and white.

    Raises:
        OptionError: they are not two finite numbers, black below white.
    """
    found = limits if isinstance(limits, list | tuple) else ()
    numbers = [x for x in found if _is_a(x, Real) and math.isfinite(x)]
    if len(found) != 2 or len(numbers) != 2 or not numbers[0] < numbers[1]:
        raise OptionError(f"{place}: {limits!r}; give two numbers, black below white")


def check_given(value: object, kind: type | UnionType, place: str, what: str) -> None:
    """Check that an argument is what the function works on.

    Raises:
        OptionError: ``value`` is no ``kind``, called ``what``.
    """
    if not isinstance(value, kind):
        raise OptionError(f"{place}: {type(value).__name__}; give {what}")


def _mistakes(options: Any, place: str) -> list[str]:
    found, kinds = [], get_type_hints(type(options))
    for field in dataclasses.fields(options):
        value, inner = getattr(options, field.name), f"{place}.{field.name}"
        allowed = get_args(kinds[field.name]) if get_origin(kinds[field.name]) is Literal else ()
        if allowed and value not in allowed:
            found.append(f"{inner}: {value!r} is none of {', '.join(map(repr, allowed))}")
        if other := _of_another_kind(kinds[field.name], value):
            found.append(f"{inner}: {other}")
            continue
        if dataclasses.is_dataclass(value):
            found += _mistakes(value, inner)
            continue
        for name, item in value.items() if isinstance(value, Mapping) else ():
            if dataclasses.is_dataclass(item):
                found += _mistakes(item, f"{inner}.{name}")
        if problem := out_of_range(field, value):
            found.append(f"{inner}: {problem}")
    return found


def _of_another_kind(kind: Any, value: Any) -> str:
    """What is wrong with the kind of a value, or of one of several; empty if nothing is."""
    several = get_origin(kind) is tuple
    if several and not isinstance(value, list | tuple):
        return f"{value!r} is no list"
    if (one := get_args(kind)[0] if several else kind) not in _KINDS:
        return ""
    wanted, called = _KINDS[one]
    wrong = (v for v in (value if several else [value]) if not _is_a(v, wanted))
    return next((f"{shown!r} is not {called}" for shown in wrong), "")


def _is_a(value: Any, wanted: type) -> bool:
    return isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool))
