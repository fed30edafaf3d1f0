"""What a generator is fed: as the caller says, or as the generator itself does."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from gancompress.batch import DRAWN, Input, InputSpec, class_input, in_range
from gancompress.data.images import Images, images_from_tensor, open_images, to_float
from gancompress.data.live import Pairs
from gancompress.errors import DataError, RecipeError, TeacherError
from gancompress.metrics.images import as_uint8
from gancompress.teachers.teacher import InputData

EXAMPLE = '{"z": gc.Input("normal", (128,))} or {"image": gc.Input("image", (3, 256, 256))}'


def inputs_of(module: nn.Module, given: Mapping[str, Input] | None, what: str) -> InputSpec:
    """The input specification: ``given``, or that of the module's attribute ``inputs``.

    Args:
        module: a generator.
        given: from the caller.
        what: which function asks, for the message.

    Raises:
        TeacherError: there is neither.
    """
    found = getattr(module, "inputs", None) if given is None else given
    entries = found.values() if isinstance(found, Mapping) else ()
    if isinstance(found, Mapping) and entries and all(isinstance(e, Input) for e in entries):
        return dict(found)
    raise TeacherError(
        f"{what}: {type(module).__name__} does not say what it is fed; give inputs=, by the names "
        f"of its forward's arguments, e.g. {EXAMPLE}"
    )


def rows_of(data: Any, inputs: Mapping[str, Input]) -> InputData | None:
    """What the inputs that cannot be drawn are taken from; None where all of them can.

    Args:
        data: a folder or zip of images; a tensor (N, …) for the only such input; a mapping of
            tensors; or anything with ``len`` and ``[i]``, whose rows are mappings by the inputs'
            names, tensors, or tuples that begin with the input.
        inputs: of the generator.

    Raises:
        DataError: ``data`` is of another kind, or there is none and some is needed.
    """
    taken = {name: entry for name, entry in inputs.items() if entry.kind not in DRAWN}
    if not taken:
        if data is not None:
            raise DataError("data: every input is drawn from a seed; leave it out")
        return None
    if data is None:
        raise DataError(
            f"inputs {', '.join(taken)}: cannot be drawn from a seed; give data=, a folder or zip "
            "of images, a tensor, or a dataset of them"
        )
    if isinstance(data, Mapping):
        return _Columns({name: data[name] for name in taken if name in data})
    if not isinstance(data, str | Path):
        if not hasattr(data, "__len__") or not hasattr(data, "__getitem__"):
            raise DataError(
                f"data: {type(data).__name__} has no len() and [i]; give a folder, a tensor or a "
                "dataset"
            )
        return _Named(data, tuple(taken))
    (name, entry), *others = taken.items()
    if others or entry.kind != "image":
        raise DataError(
            f"data: {data}: a folder holds images only, and the generator is fed "
            f"{', '.join(taken)}; give a dataset whose rows are mappings by these names"
        )
    channels, *size = entry.shape
    images = open_images(data, resolution=(size[0], size[1]), channels=channels)
    return _Pictures(images, name, entry)


def with_shares(inputs: InputSpec, shares: Sequence[float]) -> InputSpec:
    """``inputs`` with classes that are drawn as often as ``shares`` says; none: as they are.

    Raises:
        RecipeError: there are not as many classes.
    """
    if not shares:
        return inputs
    name = class_input(inputs)
    if name is None or len(shares) != inputs[name].choices:
        classes = inputs[name].choices if name else "no"
        raise RecipeError(
            f"collect.class_shares: {len(shares)} numbers; the teacher has {classes} classes"
        )
    return {**inputs, name: replace(inputs[name], shares=tuple(shares))}


def real_images(given: str | Path | Tensor | Images | None, pairs: Pairs) -> Images | None:
    """Real images; those of a folder are brought to the size of the teacher's."""
    if given is None or isinstance(given, Images):
        return given
    if isinstance(given, Tensor):
        return images_from_tensor(as_uint8(given))
    _, channels, height, width = pairs.batch([0])[1].shape
    return open_images(given, resolution=(height, width), channels=channels)


class _Columns:
    """Rows of a mapping of tensors."""

    def __init__(self, columns: Mapping[str, Tensor]) -> None:
        self._columns = columns

    def __len__(self) -> int:
        return min((len(column) for column in self._columns.values()), default=0)

    def __getitem__(self, index: int) -> Mapping[str, Tensor]:
        return {name: column[index] for name, column in self._columns.items()}


class _Named:
    """Rows of a dataset, by the names of the inputs."""

    def __init__(self, data: Any, names: tuple[str, ...]) -> None:
        self._data, self._names = data, names

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, index: int) -> Mapping[str, Tensor]:
        row = self._data[index]
        if isinstance(row, Mapping):
            return row
        values = row if isinstance(row, tuple | list) else (row,)
        return dict(zip(self._names, values, strict=False))


class _Pictures:
    """Images of a folder, in the range that the input wants."""

    def __init__(self, images: Any, name: str, entry: Input) -> None:
        self._images, self._name, self._entry = images, name, entry

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> Mapping[str, Tensor]:
        return {self._name: in_range(to_float(self._images[index]), self._entry)}


class Parted:
    """Rows by the number of a sample: first those to train on, then those held out; none is both.

    Args:
        rows: at least two.
        training, held_out: how many samples of each are wanted. Rows that are fewer come again
            where something is drawn beside them; else they are as many as there are.
        repeat: whether they may come again.
        seed: of the order, which mixes classes and places that sorted names keep together.
    """

    def __init__(
        self, rows: InputData, training: int, held_out: int, *, repeat: bool, seed: int
    ) -> None:
        if len(rows) < 2:
            raise DataError(
                f"data: {len(rows)} inputs; training and held-out ones need two at least"
            )
        order = np.random.default_rng(seed).permutation(len(rows)).tolist()
        share = held_out / (training + held_out)
        kept = min(held_out, max(1, round(len(rows) * share)), len(rows) - 1)
        self._rows = rows
        self._held_out: Sequence[int] = order[:kept]
        self._train: Sequence[int] = order[kept:]
        self.training = training if repeat else min(training, len(self._train))
        self.kept = held_out if repeat else min(held_out, kept)

    def __len__(self) -> int:
        return self.training + self.kept

    def __getitem__(self, index: int) -> Mapping[str, Tensor]:
        if index < self.training:
            return self._rows[self._train[index % len(self._train)]]
        return self._rows[self._held_out[(index - self.training) % len(self._held_out)]]
