"""The identity of a stage: what it depends on, and how two of them differ in words."""

import fnmatch
import hashlib
import json
from collections.abc import Iterator, Mapping, Set
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

from gancompress.assemble.stages import CONDITIONS, ORDERED, STAGES, Depends, skipped, supernet_file
from gancompress.assemble.teacher_data import expanded
from gancompress.content import digest_of
from gancompress.recipe.load import recipe_to_dict
from gancompress.recipe.schema import Recipe
from gancompress.run import RunDir

# Changes when what a stage makes of the same recipe changes.
FORMAT = 1

# Keys that name files: what is in those counts, not where they lie.
FILES = (
    "data.source",
    "teacher.file",
    "teacher.weights",
    "teacher.pairs",
    "teacher.data.source",
    "student.file",
    "teach.single_image.trained",
    "teach.single_image.composite",
    "teach.single_image.mask",
    "teach.semantic.network",
    "distill.discriminator.file",
    "distill.terms.*.network",
    "evaluate.extractor",
)

# Their values that name no file, whatever lies in the working directory.
WORDS = ("digits", "classifier", "inception")

Identity = Mapping[str, Any]


def identity_of(stage: str, recipe: Recipe, run: RunDir | None) -> dict[str, Any]:
    """What ``stage`` depends on under ``recipe``, with the hashes recorded for what it consumes.

    Returns:
        Plain data: ``format``, and ``skipped`` with the reason where there is nothing to do, or
        else ``recipe`` (values by key), ``files`` (hashes by the keys that name them), ``where``
        (the conditions that hold) and ``consumed`` (hashes by name).
    """
    if reason := skipped(stage, recipe):
        return {"format": FORMAT, "skipped": reason}
    depends = STAGES[stage]
    consumed = {name: found for name in consumed_by(stage, recipe)
                if (found := recorded_hash(name, recipe, run))}  # fmt: skip
    return {"format": FORMAT, **keys_of(depends, recipe), "consumed": consumed}


def keys_of(depends: Depends, recipe: Recipe) -> dict[str, Any]:
    """The part of an identity that comes from the recipe alone."""
    holding = [name for name in depends.where if CONDITIONS[name](recipe)]
    further = tuple(key for name in holding for key in depends.where[name][0])
    values, files = {}, {}
    for key, value in flat(recipe_to_dict(recipe)):
        read = _among(key, depends.reads) and not _among(key, depends.free)
        if not (read or _among(key, further)):
            continue
        digest = _content(key, value)
        if digest is None:
            values[key] = value
        else:
            files[key] = digest
    return {"recipe": values, "files": files, "where": holding}


def consumed_by(stage: str, recipe: Recipe) -> list[str]:
    """The names of what ``stage`` consumes under ``recipe``."""
    if skipped(stage, recipe):
        return []
    depends = STAGES[stage]
    further = [n for name, (_, names) in depends.where.items()
               if CONDITIONS[name](recipe) for n in names]  # fmt: skip
    return list(dict.fromkeys([*depends.consumes, *further]))


def maker_of(name: str, recipe: Recipe) -> str:
    """The stage that makes what is consumed under ``name``."""
    made_by: dict[str, str] = {
        "teacher": "distill" if recipe.distill.online else "teach",
        "pairs": "collect",
        "ordered": "order",
        "supernet": "order" if recipe.solves else "distill",
        "front": "search",
        "chosen": "search",
        "solved": "reconstruct",
        "student": next(
            stage for stage in ("finetune", "reconstruct", "search") if not skipped(stage, recipe)
        ),
    }
    return made_by[name]


def recorded_hash(name: str, recipe: Recipe, run: RunDir | None) -> str:
    """The hash recorded for what is consumed under ``name``; empty where nothing is recorded."""
    if name == "teacher" and recipe.teacher.given:
        return _digest(recipe.teacher.given) or recipe.teacher.remote.url
    record = run.record(maker_of(name, recipe)) if run else None
    if record is None:
        return ""
    fixed = {
        "teacher": "teacher.safetensors",
        "pairs": "pairs/pairs.json",
        "ordered": ORDERED,
        "supernet": supernet_file(recipe),
        "front": "front.csv",
    }
    return record.made.get(fixed.get(name) or str(record.facts.get("student")), "")


def changes(old: Identity, new: Identity) -> list[str]:
    """Why a stage of identity ``old`` is another one than ``new``, in words; empty if it is not."""
    if old.get("format") != new["format"]:
        return ["this version of gancompress makes it otherwise"]
    if "skipped" in old or "skipped" in new:
        was, now = old.get("skipped"), new.get("skipped")
        return [] if was == now else [f"{was or 'it was done'} → {now or 'it is to be done'}"]
    found = [
        *_changed_keys(old["recipe"], new["recipe"], old["files"].keys() | new["files"].keys()),
        *_changed_files(old, new),
    ]
    found += [f"now {name}" for name in new["where"] if name not in old["where"]]
    found += [f"no longer {name}" for name in old["where"] if name not in new["where"]]
    found += [
        f"the {name} is another one"
        for name, digest in new["consumed"].items()
        if old["consumed"].get(name, digest) != digest
    ]
    return found


def fingerprint(identity: Identity) -> str:
    """A short name of an identity."""
    text = json.dumps(identity, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The keys and values of nested mappings, as ``section.key``; lists are values."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from flat(inner, f"{path}.{key}" if path else str(key))
    else:
        yield path, value


def _changed_keys(old: Mapping[str, Any], new: Mapping[str, Any], files: Set[str]) -> list[str]:
    # A key that an older version did not have had no other value than its default.
    usual = _defaults()
    found = []
    for key in dict.fromkeys([*old, *new]):
        was, now = old.get(key, usual.get(key)), new.get(key)
        if key not in files and was != now:
            found.append(f"{key}: {_text(was)} → {_text(now)}")
    return found


def _changed_files(old: Identity, new: Identity) -> list[str]:
    found = []
    for key in dict.fromkeys([*old["files"], *new["files"]]):
        was, now = old["files"].get(key), new["files"].get(key)
        if was == now:
            continue
        if now is not None:
            found.append(f"{key}: the file has changed" if was else f"{key}: now a file")
        elif not new["recipe"].get(key):
            found.append(f"{key}: a file → nothing")
        # Else it has gone, and nothing tells that it was another one.
    return found


def _text(value: Any) -> str:
    return "nothing" if value is None or value in ("", {}) else str(value)


@cache
def _defaults() -> dict[str, Any]:
    return dict(_fixed_keys(Recipe(), ""))


def _fixed_keys(section: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The keys that every recipe has: not those of mappings, whose names are the user's."""
    for entry in fields(section):
        value = getattr(section, entry.name)
        if is_dataclass(value):
            yield from _fixed_keys(value, f"{path}{entry.name}.")
        else:
            yield f"{path}{entry.name}", recipe_to_dict(value)


def _among(key: str, keys: tuple[str, ...]) -> bool:
    return any(key == known or key.startswith(f"{known}.") for known in keys)


def _content(key: str, value: Any) -> str | None:
    """The hash of the file that ``value`` names; None where it names none that is there."""
    named = any(fnmatch.fnmatchcase(key, pattern) for pattern in FILES)
    return _digest(str(value)) if named and value and value not in WORDS else None


def _digest(text: str) -> str | None:
    # An extractor may stand before its file: squeezenet:FILE.
    for name in (text, text.partition(":")[2]):
        path = Path(expanded(name)).expanduser()
        try:
            if name and path.exists():
                # A run, or recorded pairs, are known by what lists their contents.
                inner = [path / "stages" / "teach.json", path / "pairs.json"]
                return digest_of(next((file for file in inner if file.is_file()), path))
        except OSError:
            return None
    return None
