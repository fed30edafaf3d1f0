"""The schema as text: every key with its type, default and one line of explanation."""

import dataclasses
import types
import typing
from typing import Any

import yaml

from gancompress.recipe.load import recipe_to_dict
from gancompress.recipe.schema import Recipe


def describe_schema() -> str:
    """Every key a recipe may have, in the order of the schema."""
    lines: list[str] = []
    _describe(Recipe, "", lines)
    return "\n".join(lines)


def _describe(section: Any, prefix: str, lines: list[str]) -> None:
    hints = typing.get_type_hints(section)
    for field in dataclasses.fields(section):
        kind, path = hints[field.name], prefix + field.name
        if dataclasses.is_dataclass(kind):
            lines.append(f"\n# {path}: {field.metadata['doc']}")
            _describe(kind, path + ".", lines)
            continue
        lines.append(f"{path:42} {_type_name(kind)}{_default(field)}")
        lines.append(f"{'':42}   {field.metadata['doc']}")
        inner = typing.get_args(kind)[-1] if typing.get_origin(kind) is dict else None
        if dataclasses.is_dataclass(inner):
            _describe(inner, f"{path}.NAME.", lines)


def _default(field: "dataclasses.Field[Any]") -> str:
    if field.default is not dataclasses.MISSING:
        value = field.default
    elif field.default_factory is not dataclasses.MISSING:
        value = field.default_factory()
    else:
        return ", required"
    text = yaml.safe_dump(
        recipe_to_dict(value), default_flow_style=True, sort_keys=False, width=999
    )
    return f" = {text.strip().removesuffix('...').strip()}"


def _type_name(kind: Any) -> str:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return " | ".join(str(choice) for choice in arguments)
    if origin in (types.UnionType, typing.Union):
        return " or ".join(_type_name(option) for option in arguments)
    if origin is tuple:
        return f"list of {_type_name(arguments[0])}"
    if origin is dict:
        value = arguments[1]
        return "mapping" if not dataclasses.is_dataclass(value) else "mapping of NAME to keys"
    return {int: "int", float: "float", str: "text", bool: "bool"}.get(kind, str(kind))
