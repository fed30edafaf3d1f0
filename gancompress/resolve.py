"""What ``"name"``, ``"package.module:attr"`` and ``"path/file.py:attr"`` stand for.

Every option that takes a name takes these three forms; nothing else imports what a user names.
"""

import difflib
import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from gancompress.errors import RecipeError


def resolve(
    factory: str, built_in: Mapping[str, str] | None = None, noun: str = "network"
) -> Callable[..., Any]:
    """The callable that ``factory`` names, without calling it.

    Args:
        factory: a name in ``built_in``, ``"package.module:attr"`` or ``"path/file.py:attr"``.
        built_in: name -> ``"package.module:attr"``.
        noun: what is named, for messages.

    Raises:
        RecipeError: the name is unknown, the import fails, or what is found is not callable.
    """
    known = built_in or {}
    target = known.get(factory, factory)
    place, separator, attribute = target.rpartition(":")
    if not separator or not place or not attribute:
        raise RecipeError(_unknown_name(factory, known, noun))
    module = _from_file(Path(place), factory) if place.endswith(".py") else _import(place, factory)
    if not hasattr(module, attribute):
        names = [name for name, value in vars(module).items() if callable(value)]
        near = difflib.get_close_matches(attribute, names, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise RecipeError(f"{factory}: {place} has no {attribute!r}{hint}")
    function = getattr(module, attribute)
    if not callable(function):
        raise RecipeError(f"{factory}: {attribute!r} is {type(function).__name__}, not callable")
    return function  # type: ignore[no-any-return]


def installed(group: str) -> dict[str, EntryPoint]:
    """What installed packages add to a group of entry points, by name."""
    return {point.name: point for point in entry_points(group=group)}


def check_arguments(factory: str, function: Callable[..., Any], kwargs: dict[str, Any]) -> None:
    """Refuse keyword arguments that ``function`` does not take, lacks, or wants of another type."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some callables in C have none
        return
    try:
        signature.bind(**kwargs)
    except TypeError as error:
        unknown = [name for name in kwargs if name not in signature.parameters]
        near = difflib.get_close_matches(unknown[0], signature.parameters, n=1) if unknown else []
        hint = f"; did you mean {near[0]!r}?" if near else ""
        shown = ", ".join(str(parameter) for parameter in signature.parameters.values())
        raise RecipeError(f"{factory}: {error}{hint} It takes ({shown})") from None
    _check_types(factory, function, kwargs)


def _check_types(factory: str, function: Callable[..., Any], kwargs: dict[str, Any]) -> None:
    try:
        hints = get_type_hints(function.__init__ if inspect.isclass(function) else function)
    except (AttributeError, NameError, TypeError):  # annotations that only a type checker reads
        return
    for name, value in kwargs.items():
        if not _fits(value, hints.get(name, Any)):
            wanted = hints[name]
            options = get_args(wanted) if get_origin(wanted) is Literal else ()
            wish = f"one of {', '.join(options)}" if options else inspect.formatannotation(wanted)
            raise RecipeError(f"{factory}: {name} {value!r}: must be {wish}")


def _fits(value: Any, hint: Any) -> bool:
    """Whether ``value`` is of the kind that ``hint`` asks for; hints of richer types pass."""
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if get_origin(hint) in (Union, UnionType):
        return any(_fits(value, option) for option in get_args(hint))
    if hint in (int, float):
        return isinstance(value, int | hint) and not isinstance(value, bool)
    return isinstance(value, hint) if hint in (bool, str, type(None)) else True


def _unknown_name(factory: str, known: Mapping[str, str], noun: str) -> str:
    near = difflib.get_close_matches(factory, known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    listed = f"{hint}Built in: {', '.join(sorted(known))}. " if known else ""
    return (
        f"{factory!r} is no built-in {noun}; {listed}"
        "Your own is named 'package.module:factory' or 'path/file.py:factory'"
    )


def _import(name: str, factory: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise RecipeError(
            f"{factory}: cannot import {name}: {error}. Install the package, put its folder on "
            "PYTHONPATH, or name the file: 'path/file.py:factory'"
        ) from error


def _from_file(path: Path, factory: str) -> ModuleType:
    if not path.is_file():
        raise RecipeError(f"{factory}: there is no file {path} (looked from {Path.cwd()})")
    path = path.resolve()
    name = f"_gancompress_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise RecipeError(f"{factory}: {path} cannot be read as a Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and torch look classes up there
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise RecipeError(f"{factory}: {path} fails on import: {error!r}") from error
    return module
