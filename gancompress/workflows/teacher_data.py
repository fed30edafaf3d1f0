"""The images or label maps that a recipe's teacher is fed."""

import os
from pathlib import Path

from gancompress.batch import DRAWN, InputSpec
from gancompress.data.images import open_images
from gancompress.data.label_maps import open_label_maps
from gancompress.data.paired import PairedImages, open_side_by_side
from gancompress.errors import DataError, RecipeError
from gancompress.recipe.schema import TeacherData
from gancompress.teachers.downloads import missing_file
from gancompress.teachers.teacher import InputData


def open_teacher_data(keys: TeacherData, inputs: InputSpec) -> InputData | None:
    """Rows for the inputs that cannot be drawn; None where there are none.

    Raises:
        RecipeError: the recipe names no data and the teacher needs some, or data of another kind.
        DataError: it is missing or cannot be read.
    """
    taken = {name: entry for name, entry in inputs.items() if entry.kind not in DRAWN}
    if not taken:
        return None
    (name, entry), *others = taken.items()
    if not keys.source:
        raise RecipeError(
            f"teacher.data.source: empty, but the teacher is fed {', '.join(taken)}; "
            "give a folder or zip"
        )
    if others or name != ("label_map" if keys.layout == "label_maps" else "image"):
        raise RecipeError(
            f"teacher.data.layout: {keys.layout!r} has no {', '.join(taken)}, which the teacher "
            "is fed; choose another layout"
        )
    size = (entry.shape[1], entry.shape[2])
    path, folder = located(keys.source), keys.folder or None
    if keys.layout == "side_by_side":
        return open_side_by_side(path, direction=keys.direction, resolution=size, folder=folder)
    if keys.layout == "images":
        return PairedImages(open_images(path, folder=folder, resolution=size), None)
    maps = open_label_maps(
        path,
        maps=keys.folder,
        classes=keys.classes,
        instances=keys.instances or None,
        unknown=keys.unknown,
        resolution=size,
    )
    if maps.channels != entry.shape[0]:
        raise RecipeError(
            f"teacher.data: label maps of {maps.channels} channels, the teacher is fed "
            f"{entry.shape[0]}; mend classes, instances or unknown"
        )
    return maps


def located(text: str) -> Path:
    """The file or folder that a recipe names, with ``~`` and ``$VARIABLES``.

    Raises:
        DataError: it is not there; says where published data is to be had.
    """
    path = Path(os.path.expandvars(text)).expanduser()
    if not path.exists():
        raise DataError(missing_file(path))
    return path
