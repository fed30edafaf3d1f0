"""How an option is declared: its default, its range and one line of explanation.

Each component has a dataclass of such fields beside it (``distillation/options.py``, …). The
functions of the library take it, and the recipe is composed of the same dataclasses.
"""

import dataclasses
from typing import Any

from gancompress.errors import OptionError


def option(
    default: Any,
    doc: str,
    low: float | None = None,
    high: float | None = None,
    *,
    formerly: str = "",
) -> Any:
    """A field of an options dataclass.

    Args:
        default: its value where none is given; a list or mapping is copied for each instance.
        doc: one line of explanation.
        low, high: smallest and largest value of a number.
        formerly: the name that it had before; a recipe that uses it is told the new one.
    """
    metadata = {"doc": doc, "low": low, "high": high, "formerly": formerly}
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
    """What is wrong with the size of a number, e.g. ``-1 is below 0``; empty if nothing is."""
    low, high = field.metadata.get("low"), field.metadata.get("high")
    if not isinstance(value, int | float) or isinstance(value, bool):
        return ""
    if low is not None and value < low:
        return f"{value} is below {low}"
    if high is not None and value > high:
        return f"{value} is above {high}"
    return ""


def check_ranges(options: Any, place: str) -> None:
    """Check the numbers of an options dataclass that was made in Python.

    Raises:
        OptionError: naming every number that is out of its range, with its place.
    """
    mistakes = _mistakes(options, place)
    if mistakes:
        raise OptionError("; ".join(mistakes))


def _mistakes(options: Any, place: str) -> list[str]:
    found = []
    for field in dataclasses.fields(options):
        value, inner = getattr(options, field.name), f"{place}.{field.name}"
        if dataclasses.is_dataclass(value):
            found += _mistakes(value, inner)
        elif isinstance(value, dict):
            for name, item in value.items():
                if dataclasses.is_dataclass(item):
                    found += _mistakes(item, f"{inner}.{name}")
        elif problem := out_of_range(field, value):
            found.append(f"{inner}: {problem}")
    return found
