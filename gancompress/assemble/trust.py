"""Whose code a run may start: what the user named, here; not what a folder from elsewhere names.

A recipe may name functions of the user's (``module:attr``, ``file.py:attr``), and a run keeps its
recipe. So whoever hands on a run could name what is then run. A run therefore holds a mark of the
names that its user gave: their HMAC under a secret that never leaves this user's own folder. No
mark is needed where a recipe names nothing but what is built in.
"""

import hashlib
import hmac
import json
import secrets
from pathlib import Path
from typing import Any

from gancompress.atomic import replacing, write_text
from gancompress.data.cache import default_cache
from gancompress.errors import UnsafeFileError
from gancompress.recipe.load import recipe_to_dict
from gancompress.recipe.schema import Recipe

MARK = "made_here"

# Keys whose text is a name of code, wherever they stand in a recipe.
_NAMING = ("factory", "function", "network", "extractor")


def code_of(recipe: Recipe) -> list[str]:
    """The names of code that a recipe gives, sorted: ``module:attr`` and ``file.py:attr``."""
    found: set[str] = set()
    _collect(recipe_to_dict(recipe), found)
    found.update(str(name) for name in recipe.distill.terms if ":" in str(name))
    return sorted(found)


def _collect(value: Any, found: set[str]) -> None:
    if not isinstance(value, dict):
        return
    for key, item in value.items():
        if key in _NAMING and isinstance(item, str) and _names_code(item):
            found.add(item)
        _collect(item, found)


def _names_code(text: str) -> bool:
    place, separator, attribute = text.rpartition(":")
    # An extractor of a file is `squeezenet:FILE`: data.
    return bool(separator and place) and (place.endswith(".py") or attribute.isidentifier())


def trust(recipe: Recipe, run: Path) -> list[str]:
    """Mark ``run`` as one whose code its user named; gives the names."""
    names = code_of(recipe)
    if names:
        mark = _mark(names)
        if not _has(run, mark):
            write_text(run / MARK, mark + "\n")
    return names


def require_trust(recipe: Recipe, run: Path) -> None:
    """Refuse a run that names code and was not made here.

    Raises:
        UnsafeFileError: naming the code; nothing of it was imported.
    """
    names = code_of(recipe)
    if names and not _has(run, _mark(names)):
        raise UnsafeFileError(
            f"{run}: its recipe runs {', '.join(names)}, and was not made here. Look at that "
            f"code; if you trust it: gancompress runs --trust {run}"
        )


def _has(run: Path, mark: str) -> bool:
    try:
        found = (run / MARK).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return False
    return hmac.compare_digest(found.encode(), mark.encode())


def _mark(names: list[str]) -> str:
    return hmac.new(_secret(), json.dumps(names).encode(), hashlib.sha256).hexdigest()


def _secret() -> bytes:
    place = default_cache() / "secret"
    try:
        found = place.read_bytes()
        if len(found) == 32:
            return found
    except OSError:
        pass
    with replacing(place) as temporary:
        temporary.touch(mode=0o600)
        temporary.write_bytes(secrets.token_bytes(32))
    return place.read_bytes()
