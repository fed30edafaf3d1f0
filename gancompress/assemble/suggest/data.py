"""What a folder or zip of images holds, from the names and a few files."""

from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from PIL import Image

from gancompress.assemble.teacher_data import located
from gancompress.data.decode import open_picture
from gancompress.data.labels import read_labels
from gancompress.data.sources import Source, image_names, open_source
from gancompress.errors import DataError

# Files of a folder that are looked at, and numbers below which grey levels may be classes.
LOOKED_AT, MOST_CLASSES = 8, 64

# Longer side that networks of any size are meant for, and what sides are a multiple of.
LARGEST, STEP = 256, 8


@dataclass(frozen=True)
class Material:
    """What there is.

    Attributes:
        place: as the user wrote it.
        count: images.
        size: height and width that they are brought to: their own, within reason.
        classes: class folders.
        maps: folder of label maps, and how many classes they show; None where there are none.
        photos: folder of the photographs beside label maps, empty for all.
    """

    place: str
    count: int
    size: tuple[int, int]
    classes: int
    maps: tuple[str, int, int] | None


def look_at(place: str) -> Material:
    """Look at the images at ``place``.

    Raises:
        DataError: there are none.
    """
    source = open_source(located(place))
    names = image_names(source)
    maps = _label_maps(source, names)
    inside = [n for n in names if not maps or PurePosixPath(n).parts[:1] == (maps[0],)]
    with _opened(source, inside[0]) as image:
        width, height = image.size
    _, classes = read_labels(source, names)
    scale = min(1.0, LARGEST / max(width, height))
    sides = [max(STEP, round(side * scale / STEP) * STEP) for side in (height, width)]
    return Material(
        place=place, count=len(inside), size=(sides[0], sides[1]), classes=len(classes), maps=maps
    )


def _label_maps(source: Source, names: list[str]) -> tuple[str, int, int] | None:
    """The folder whose images are maps of class numbers, how many, and the largest number."""
    folders = sorted({PurePosixPath(name).parts[0] for name in names if "/" in name})
    for folder in folders:
        own = [name for name in names if PurePosixPath(name).parts[0] == folder]
        largest = -1
        for name in own[:LOOKED_AT]:
            with _opened(source, name) as image:
                if image.mode not in ("L", "P", "I", "1"):
                    break
                levels = np.unique(np.asarray(image))
            if len(levels) > MOST_CLASSES or levels.max() >= MOST_CLASSES:
                break
            largest = max(largest, int(levels.max()))
        else:
            return folder, len(own), largest
    return None


def _opened(source: Source, name: str) -> Image.Image:
    try:
        with open_picture(source.read(name)) as image:
            image.load()
            return image.copy()
    except Exception as error:  # Pillow's decoders raise whatever they like
        raise DataError(f"{source.path}, {name}: cannot be read as an image ({error})") from error
