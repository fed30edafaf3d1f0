"""The images or label maps that a recipe's teacher is fed, parted into training and held out."""

import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from torch import Tensor

from gancompress.batch import DRAWN, Input, InputSpec, in_range
from gancompress.data.cache import Problem
from gancompress.data.decode import Form
from gancompress.data.images import Reading, open_images
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
        crops: how many random crops of each training row there are, where rows are larger than the
            inputs; of a held-out row it is the middle.
        flip: whether the mirror images of the training rows follow them.
        training, kept: how many samples are for training and held out; rows that are fewer come
            again.
        inputs: what the teacher takes of a row; its images are given in the range that it wants.
    """

    rows: PairedImages | LabelMaps
    train: Sequence[int]
    held_out: Sequence[int]
    crops: int
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
            return self._row(self.held_out[(index - self.training) % len(self.held_out)], None)
        turn, place = divmod(index, len(self.train))
        row = self._row(self.train[place], np.random.default_rng(index))
        if self.flip and turn % 2:
            return {name: value.flip(-1) for name, value in row.items()}
        return row

    def _row(self, number: int, rng: np.random.Generator | None) -> dict[str, Tensor]:
        row = self.rows[number]
        return {
            name: in_range(_cropped(row[name], entry.shape[1:], rng), entry)
            for name, entry in self.inputs.items()
        }


def _cropped(image: Tensor, size: Sequence[int], rng: np.random.Generator | None) -> Tensor:
    """A random part of ``image`` (C, H, W) of the height and width ``size``, or its middle."""
    spare = [have - want for have, want in zip(image.shape[1:], size, strict=True)]
    top, left = (int(rng.integers(s + 1)) if rng else s // 2 for s in spare)
    return image[:, top : top + size[0], left : left + size[1]]


@dataclass(frozen=True)
class JoinedRows:
    """Rows of several inputs, each from its own data; sample *i* has the *i*-th of each.

    Attributes:
        parts: of each input; all have as many training and held-out samples.
    """

    parts: tuple[NumberedRows, ...]

    @property
    def training(self) -> int:
        """Samples to train on."""
        return self.parts[0].training

    @property
    def kept(self) -> int:
        """Samples held out."""
        return self.parts[0].kept

    @property
    def train(self) -> Sequence[int]:
        """Rows of the first input to train on."""
        return self.parts[0].train

    @property
    def held_out(self) -> Sequence[int]:
        """Rows of the first input that are held out."""
        return self.parts[0].held_out

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Files that were skipped or converted."""
        return tuple(problem for part in self.parts for problem in part.problems)

    def __len__(self) -> int:
        return self.training + self.kept

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {name: value for part in self.parts for name, value in part[index].items()}


# Inputs that come from data, parted into training and held out.
FedRows = NumberedRows | JoinedRows


def open_teacher_data(
    keys: TeacherDataOptions,
    inputs: InputSpec,
    collect: CollectOptions,
    seed: int,
    held_out_share: float | None = None,
) -> FedRows | None:
    """Rows for the inputs that cannot be drawn; None where there are none.

    Several such inputs are each put into an order of its own, so that a sample joins rows that have
    nothing to do with each other.

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
    if unknown := [name for name in keys.others if name not in taken]:
        raise RecipeError(
            f"teacher.data.others.{unknown[0]}: the teacher has no image input of this name; it "
            f"has {', '.join(taken) or 'none'}"
        )
    if not taken:
        return None
    drawn = len(taken) < len(inputs)
    parts = [
        _numbered(keys.of(name), name, entry, collect, seed + number, held_out_share)
        for number, (name, entry) in enumerate(taken.items())
    ]
    training, kept = collect.count, collect.held_out
    if not drawn:
        # With nothing drawn beside them, the same rows again would be the same pairs again.
        training = min(training, math.lcm(*(len(p.train) * p.crops * (1 + p.flip) for p in parts)))
        kept = min(kept, math.lcm(*(len(part.held_out) for part in parts)))
    parts = [replace(part, training=training, kept=kept) for part in parts]
    return parts[0] if len(parts) == 1 else JoinedRows(tuple(parts))


def _numbered(
    keys: TeacherDataOptions,
    name: str,
    entry: Input,
    collect: CollectOptions,
    seed: int,
    held_out_share: float | None,
) -> NumberedRows:
    rows = _open(keys, name, entry)
    if len(rows) < 2:
        raise DataError(
            f"{keys.source}: one input only; training and held-out inputs need two at least"
        )
    wanted = -(-collect.count // keys.turns)
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
    return NumberedRows(
        rows=rows,
        train=train,
        held_out=order[:held_out],
        crops=keys.crops,
        flip=keys.flip,
        training=collect.count,
        kept=collect.held_out,
        inputs={name: entry},
    )


def require_layout(keys: TeacherDataOptions, name: str, entry: Input) -> None:
    """Refuse data that the input ``name`` cannot be taken from.

    Raises:
        RecipeError: as told.
    """
    if not keys.source:
        raise RecipeError(
            f"teacher.data.source: empty, but the teacher is fed {name}; give a folder or zip"
        )
    if (entry.kind == "label_map") != (keys.layout == "label_maps"):
        raise RecipeError(
            f"teacher.data.layout: {keys.layout!r} has no {name} ({entry.kind}), which the teacher "
            "is fed; choose another layout"
        )
    channels = entry.shape[0]
    if keys.crops > 1 and not keys.load_size:
        raise RecipeError(
            f"teacher.data.crops: {keys.crops} crops of every image, but images are brought to the "
            "teacher's size as a whole; give a larger load_size"
        )
    if 0 < keys.load_size < max(entry.shape[1:]):
        raise RecipeError(
            f"teacher.data.load_size: {keys.load_size} is less than the {max(entry.shape[1:])} "
            "pixels that the teacher is fed; raise it, or leave it out"
        )
    if keys.layout == "side_by_side" and channels != 3:
        raise RecipeError(
            "teacher.data.layout: side_by_side gives images of 3 channels, the teacher is fed "
            f"{channels}; make it one of 3"
        )
    given = keys.classes + keys.unknown + bool(keys.instances)
    if keys.layout == "label_maps" and given != channels:
        raise RecipeError(
            f"teacher.data: label maps of {given} channels, the teacher is fed "
            f"{channels}; mend classes, instances or unknown"
        )


def _open(keys: TeacherDataOptions, name: str, entry: Input) -> PairedImages | LabelMaps:
    require_layout(keys, name, entry)
    channels = entry.shape[0]
    path, folder = located(keys.source), keys.folder or None
    resolution, reading = keys.size(entry.shape), Reading(keys.corrupt, keys.odd)
    if keys.layout == "side_by_side":
        opened = open_side_by_side(
            path,
            direction=keys.direction,
            resolution=resolution,
            folder=folder,
            reading=reading,
        )
        return replace(opened, name=name)
    if keys.layout == "images":
        images = open_images(
            path,
            folder=folder,
            resolution=resolution,
            channels=channels,
            crop=keys.crop,
            reading=reading,
        )
        return PairedImages(images, None, name)
    maps = open_label_maps(
        path,
        Form(1, resolution, keys.crop),
        maps=keys.folder,
        classes=keys.classes,
        instances=keys.instances,
        unknown=keys.unknown,
    )
    return replace(maps, name=name)


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
