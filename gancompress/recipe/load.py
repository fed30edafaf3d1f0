"""Reading recipes strictly: every mistake found is listed, with its place and what was expected."""

import dataclasses
import difflib
import math
import re
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import yaml

from gancompress.errors import RecipeError
from gancompress.options import out_of_range
from gancompress.recipe.schema import Recipe
from gancompress.recipe.yaml import MOST_CHARACTERS, read_yaml

# How YAML marks the end of a document.
_END = b"..."

# PyYAML follows YAML 1.1, where 2e-4 and 1e3 are strings; users mean numbers.
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?")


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read the recipe at ``path`` and apply ``key.sub=value`` overrides.

    Raises:
        RecipeError: listing every mistake of the file and the overrides together.
    """
    data = _read_yaml(path)
    mistakes: list[str] = []
    for override in overrides:
        _apply_override(data, override, mistakes)
    if _solves(data):
        # Weights that are solved for need no training, unless one is asked for.
        data["distill"] = {"steps": 0}
    recipe = _parse(Recipe, data, "", mistakes)
    if not mistakes:
        mistakes += recipe.mistakes()
    if mistakes:
        listed = "\n".join(f"  {mistake}" for mistake in mistakes)
        count = f"{len(mistakes)} mistake{'s' if len(mistakes) > 1 else ''}"
        raise RecipeError(f"{path}: {count}\n{listed}")
    return typing.cast(Recipe, recipe)


def _solves(data: Mapping[str, Any]) -> bool:
    """Whether there are ``reconstruct.samples`` and no section ``distill``."""
    keys = data.get("reconstruct")
    return isinstance(keys, Mapping) and bool(keys.get("samples")) and "distill" not in data


def recipe_to_dict(value: Any) -> Any:
    """The resolved recipe as plain data: every key, no defaults left out."""
    if dataclasses.is_dataclass(value):
        return {f.name: recipe_to_dict(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: recipe_to_dict(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [recipe_to_dict(item) for item in value]
    return value


def recipe_to_yaml(recipe: Recipe) -> str:
    """The resolved recipe as YAML, with the mark of its end."""
    return yaml.safe_dump(
        recipe_to_dict(recipe), sort_keys=False, allow_unicode=True, explicit_end=True
    )


def load_kept(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """As :func:`load_recipe`, of what :func:`recipe_to_yaml` wrote: all of it must be there.

    A recipe that is cut would be read as another one, with the defaults of what is missing.

    Raises:
        RecipeError: as for :func:`load_recipe`, or its end is missing.
    """
    recipe = load_recipe(path, overrides)
    if not path.read_bytes().rstrip().endswith(_END):
        raise RecipeError(
            f"{path}: cut, its last line is not {_END.decode()!r}; give the recipe itself and "
            f"--run {path.parent}, or write that line under it if it is whole"
        )
    return recipe


def differences(old: Any, new: Any, path: str = "") -> list[str]:
    """Where two resolved recipes differ, as ``path: old → new``."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        found = []
        for key in [*old, *(key for key in new if key not in old)]:
            inner = f"{path}.{key}" if path else str(key)
            found += differences(old.get(key), new.get(key), inner)
        return found
    return [] if old == new else [f"{path}: {old!r} → {new!r}"]


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        # As many bytes as characters at least: no more has to be in memory to be refused.
        with path.open("rb") as file:
            text = file.read(4 * MOST_CHARACTERS + 1).decode("utf-8")
    except FileNotFoundError as error:
        raise RecipeError(f"{path}: no such recipe") from error
    except IsADirectoryError as error:
        raise RecipeError(f"{path}: a folder; a recipe is a YAML file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: cannot be read: {error}") from error
    data = read_yaml(text, str(path))
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise RecipeError(f"{path}: a recipe is a mapping of keys, this is a {type(data).__name__}")
    return data


def _apply_override(data: dict[str, Any], override: str, mistakes: list[str]) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        mistakes.append(f"override {override!r}: write key.sub=value")
        return
    try:
        value = read_yaml(text, f"override {override!r}")
    except RecipeError as error:
        mistakes.append(str(error))
        return
    *parents, last = key.strip().split(".")
    node: dict[str, Any] = data
    default: Any = recipe_to_dict(Recipe())
    for parent in parents:
        # A mapping the recipe leaves to its default keeps the rest of that default.
        default = default.get(parent, {}) if isinstance(default, dict) else {}
        inner = node.setdefault(parent, default if isinstance(default, dict) else {})
        if not isinstance(inner, dict):
            inner = node[parent] = {}
        node = inner
    node[last] = value


def _parse(kind: Any, value: Any, path: str, mistakes: list[str]) -> Any:
    """``value`` as ``kind``; what does not fit is added to ``mistakes``."""
    if dataclasses.is_dataclass(kind):
        return _parse_section(kind, value, path, mistakes)
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if origin in (Union, types.UnionType):
        return _parse_union(arguments, value, path, mistakes)
    if origin is Literal:
        if value is False and "no" in arguments:
            value = "no"  # which is false in YAML 1.1
        if value not in arguments:
            close = _did_you_mean(str(value), [str(choice) for choice in arguments])
            allowed = ", ".join(str(choice) for choice in arguments)
            mistakes.append(f"{path}: {value!r} is not one of {allowed}{close}")
        return value
    if origin is tuple:
        if not isinstance(value, list | tuple):
            mistakes.append(f"{path}: expected a list, got {value!r}")
            return ()
        items = enumerate(value)
        return tuple(_parse(arguments[0], item, f"{path}[{i}]", mistakes) for i, item in items)
    if origin is dict:
        if not isinstance(value, Mapping):
            mistakes.append(f"{path}: expected a mapping, got {value!r}")
            return {}
        return {str(k): _parse(arguments[1], v, f"{path}.{k}", mistakes) for k, v in value.items()}
    return _parse_scalar(kind, value, path, mistakes)


def _parse_union(kinds: tuple[Any, ...], value: Any, path: str, mistakes: list[str]) -> Any:
    if value is None and type(None) in kinds:
        return None
    attempts = []
    for kind in kinds:
        if kind is type(None):
            continue
        trial: list[str] = []
        parsed = _parse(kind, value, path, trial)
        if not trial:
            return parsed
        # A mapping can only have been meant as the section or mapping among the kinds.
        fits_shape = dataclasses.is_dataclass(kind) or get_origin(kind) is dict
        attempts.append((isinstance(value, Mapping) == fits_shape, trial))
    mistakes += max(attempts, key=lambda attempt: attempt[0])[1]
    return value


def _parse_scalar(kind: Any, value: Any, path: str, mistakes: list[str]) -> Any:
    if kind in (int, float) and isinstance(value, str):
        digits = value.strip().replace("_", "")
        value = float(digits) if _NUMBER.fullmatch(digits) else value
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value) if abs(value) < 10**300 else math.inf  # which is out of any range
    if kind is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if kind is str and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        names = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
        mistakes.append(f"{path}: expected {names[kind]}, got {value!r}")
    return value


def _parse_section(kind: Any, value: Any, path: str, mistakes: list[str]) -> Any:
    if value is None:
        value = {}
    if not isinstance(value, Mapping):
        mistakes.append(f"{path or 'recipe'}: expected a section of keys, got {value!r}")
        value = {}
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    arguments = {}
    for key, item in value.items():
        inner = f"{path}.{key}" if path else str(key)
        if key not in fields:
            mistakes.append(f"{inner}: unknown key{_known_as(str(key), fields)}")
            continue
        before = len(mistakes)
        arguments[key] = _parse(hints[key], item, inner, mistakes)
        if len(mistakes) == before:
            problem = out_of_range(fields[key], arguments[key])
            mistakes += [f"{inner}: {problem}"] if problem else []
    for name, field in fields.items():
        missing = dataclasses.MISSING
        if field.default is missing and field.default_factory is missing and name not in value:
            mistakes.append(f"{path + '.' if path else ''}{name}: missing; {field.metadata['doc']}")
            arguments[name] = None
    return kind(**arguments)


def _known_as(key: str, fields: "Mapping[str, dataclasses.Field[Any]]") -> str:
    for name, field in fields.items():
        if field.metadata.get("formerly") == key:
            return f"; it is called {name!r} now"
    return _did_you_mean(key, list(fields))


def _did_you_mean(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(known)}"
