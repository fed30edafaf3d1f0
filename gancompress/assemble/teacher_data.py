"""The images or label maps that a recipe's teacher is fed, parted into training and held out."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from gancompress.batch import DRAWN, Input, InputSpec, in_range
from gancompress.data.cache import Problem
from gancompress.data.images import open_images
from gancompress.data.label_maps import LabelMaps, open_label_maps
from gancompress.data.options import CollectOptions
from gancompress.data.paired import PairedImages, open_side_by_side
from gancompress.errors import DataError, RecipeError
from gancompress.recipe.sources import TeacherDataOptions
from gancompress.teachers.downloads import missing_file

_VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")


@dataclass(frozen=True)
class NumberedRows:
    """Rows of a data set by the number of the sample: first those to train on, then the others.

    Attributes:
        rows: the data set.
        train, held_out: which of its rows are which; none is both.
        flip: whether the mirror images of the training rows follow them.
        training, kept: how many samples are for training and held out; rows that are fewer come
            again.
        inputs: what the teacher takes of a row; its images are given in the range that it wants.
    """

    rows: PairedImages | LabelMaps
    train: Sequence[int]
    held_out: Sequence[int]
    flip: bool
    training: int
    kept: int
    inputs: Mapping[str, Input]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Files that were skipped or converted."""
        images = self.rows.inputs if isinstance(self.rows, PairedImages) else self.rows.maps
        return images.problems

    def __len__(self) -> int:
        return self.training + self.kept

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        if index >= self.training:
            return self._row(self.held_out[(index - self.training) % len(self.held_out)])
        turn, place = divmod(index, len(self.train))
        row = self._row(self.train[place])
        if self.flip and turn % 2:
            return {name: value.flip(-1) for name, value in row.items()}
        return row

    def _row(self, number: int) -> dict[str, Tensor]:
        row = self.rows[number]
        return {name: in_range(row[name], entry) for name, entry in self.inputs.items()}


def open_teacher_data(
    keys: TeacherDataOptions,
    inputs: InputSpec,
    collect: CollectOptions,
    seed: int,
    held_out_share: float | None = None,
) -> NumberedRows | None:
    """Rows for the inputs that cannot be drawn; None where there are none.

    Args:
        keys: where they come from.
        inputs: of the teacher.
        collect: how many samples are wanted. Where there are fewer rows, both parts shrink alike.
        seed: of the choice.
        held_out_share: of the rows, where the teacher was taught on the others. As many real images
            under the same seed are parted alike (:func:`gancompress.data.splits.split`).

    Raises:
        RecipeError: the recipe names no data and the teacher needs some, or data of another kind.
        DataError: it is missing or cannot be read.
    """
    taken = {name: entry for name, entry in inputs.items() if entry.kind not in DRAWN}
    if not taken:
        return None
    rows = _open(keys, taken)
    if len(rows) < 2:
        raise DataError(
            f"{keys.source}: one input only; training and held-out inputs need two at least"
        )
    # A mirrored row serves two samples.
    wanted = -(-collect.count // (1 + keys.flip))
    if held_out_share is None:
        share = collect.held_out / (wanted + collect.held_out)
        held_out = min(collect.held_out, max(1, round(len(rows) * share)), len(rows) - 1)
    else:
        held_out = int(len(rows) * held_out_share)
        if not held_out:
            raise DataError(
                f"data.held_out: {held_out_share:g} of {len(rows)} inputs is none; give more"
            )
    # Sorted names begin with one class or one place; a random order has something of all.
    order = np.random.default_rng(seed).permutation(len(rows)).tolist()
    train = order[held_out:][:wanted]
    training, kept = collect.count, collect.held_out
    if len(taken) == len(inputs):
        # With nothing drawn beside them, the same rows again would be the same pairs again.
        training, kept = min(training, len(train) * (1 + keys.flip)), min(kept, held_out)
    return NumberedRows(rows, train, order[:held_out], keys.flip, training, kept, taken)


def _open(keys: TeacherDataOptions, taken: InputSpec) -> PairedImages | LabelMaps:
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
    channels, *size = entry.shape
    path, folder = located(keys.source), keys.folder or None
    resolution = size[0], size[1]
    if keys.layout == "side_by_side":
        if channels != 3:
            raise RecipeError(
                "teacher.data.layout: side_by_side gives images of 3 channels, the teacher is fed "
                f"{channels}; make it one of 3"
            )
        return open_side_by_side(
            path,
            direction=keys.direction,
            resolution=resolution,
            folder=folder,
            corrupt=keys.corrupt,
            odd=keys.odd,
        )
    if keys.layout == "images":
        images = open_images(
            path,
            folder=folder,
            resolution=resolution,
            channels=channels,
            crop=keys.crop,
            corrupt=keys.corrupt,
            odd=keys.odd,
        )
        return PairedImages(images, None)
    maps = open_label_maps(
        path,
        maps=keys.folder,
        classes=keys.classes,
        instances=keys.instances or None,
        unknown=keys.unknown,
        resolution=resolution,
        crop=keys.crop,
    )
    if maps.channels != channels:
        raise RecipeError(
            f"teacher.data: label maps of {maps.channels} channels, the teacher is fed "
            f"{channels}; mend classes, instances or unknown"
        )
    return maps


def expanded(text: str) -> str:
    """``text`` with ``$NAME``, ``${NAME}`` and ``${NAME:-value to take without it}`` filled in."""
    given = _VARIABLE.sub(lambda found: os.environ.get(found[1]) or found[2], text)
    return os.path.expandvars(given)


def located(text: str) -> Path:
    """The file or folder that a recipe names, with ``~`` and variables (:func:`expanded`).

    Raises:
        DataError: it is not there; says where published data is to be had.
    """
    path = Path(expanded(text)).expanduser()
    if not path.exists():
        raise DataError(missing_file(path))
    return path
