"""How a key of a recipe is declared: its default, what it means, its range."""

from dataclasses import field
from typing import Any


def key(default: Any, doc: str, low: float | None = None, high: float | None = None) -> Any:
    """A key with its default, one line of explanation, and its range where it is a number."""
    metadata = {"doc": doc, "low": low, "high": high}
    if isinstance(default, dict | list):
        return field(default_factory=lambda: type(default)(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def required(doc: str) -> Any:
    """A key without a default."""
    return field(metadata={"doc": doc})
