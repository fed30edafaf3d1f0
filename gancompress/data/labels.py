"""Which class an image file belongs to: ``dataset.json``, or else the folder it lies in."""

import json
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from gancompress.data.sources import Source
from gancompress.errors import DataError

# Of one data set; each is a column of a tensor somewhere.
MOST_CLASSES = 65_536


def read_labels(
    source: Source, names: Sequence[str], folder: str | None = None
) -> tuple[list[int] | None, tuple[str, ...]]:
    """The class of each image and the names of the classes.

    A ``dataset.json`` beside the images holds ``{"labels": [[name, class], …]}`` or
    ``{"labels": {name: class, …}}`` and may name the classes under ``"classes"``. Without it, the
    folders below ``folder`` (or below the folder that all images share) are the classes, sorted.

    Returns:
        (labels, classes); (None, ()) where the images are not labelled.
    """
    table = "dataset.json" if folder is None else f"{folder.rstrip('/')}/dataset.json"
    if table in source.names:
        return _from_table(source, table, names, folder)
    return _from_folders(names)


def _from_table(
    source: Source, table: str, names: Sequence[str], folder: str | None
) -> tuple[list[int] | None, tuple[str, ...]]:
    place = f"{source.path}, {table}"
    try:
        content: Any = json.loads(source.read(table))
        given = content.get("labels")
        if given is None:
            return None, ()
        if len(dict(given)) < len(given):
            raise ValueError("an image with two labels")
        by_name = {str(name): int(label) for name, label in dict(given).items()}
        classes = tuple(str(name) for name in content.get("classes") or ())
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise DataError(f'{place}: expected {{"labels": [[name, class], …]}} ({error})') from error
    prefix = "" if folder is None else f"{folder.rstrip('/')}/"
    labels = [by_name.get(name.removeprefix(prefix), -1) for name in names]
    if -1 in labels:
        missing = [name for name, label in zip(names, labels, strict=True) if label == -1]
        raise DataError(
            f"{place}: {len(missing)} images have no label, {missing[0]} the first; "
            "give each a class from 0 on, or remove them"
        )
    count = max(labels) + 1
    if count > MOST_CLASSES:
        raise DataError(f"{place}: class {max(labels)}; at most {MOST_CLASSES:,} classes are known")
    if min(labels) < 0 or (classes and len(classes) < count):
        raise DataError(f"{place}: labels must be 0…{max(len(classes), 1) - 1}, got {count - 1}")
    return labels, classes or tuple(str(label) for label in range(count))


def _from_folders(names: Sequence[str]) -> tuple[list[int] | None, tuple[str, ...]]:
    parents = [PurePosixPath(name).parent.parts for name in names]
    shared = 0
    while len({parts[: shared + 1] for parts in parents}) == 1 and len(parents[0]) > shared:
        shared += 1
    folders = [parts[shared] if len(parts) > shared else "" for parts in parents]
    if "" in folders:
        return None, ()
    classes = sorted(set(folders))
    number = {name: label for label, name in enumerate(classes)}
    return [number[name] for name in folders], tuple(classes)
