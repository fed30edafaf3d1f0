"""Image-to-image data: inputs with or without the images they should become."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

import torch
from torch import Tensor

from gancompress.batch import Batch
from gancompress.data.decode import Form
from gancompress.data.images import Images, Indices, Reading, open_as, to_float
from gancompress.errors import DataError

Direction = Literal["AtoB", "BtoA"]


@dataclass(frozen=True)
class PairedImages:
    """Inputs and, where there are any, the images they should become.

    A row is ``{"image": (C, H, W), "target": (C, H, W)}``, floats in [-1, 1]; without targets only
    ``image``, which may be called otherwise. Rows are what a teacher takes as its data of inputs.
    """

    inputs: Images
    targets: Images | None
    name: str = "image"

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"row {index} of {len(self)}")
        return {name: value[0] for name, value in self.batch([index % len(self)]).items()}

    def batch(self, indices: Indices) -> Batch:
        """Rows at ``indices``, stacked."""
        rows = {self.name: to_float(self.inputs.batch(indices))}
        if self.targets is not None:
            rows["target"] = to_float(self.targets.batch(indices))
        return rows

    def subset(self, indices: Indices) -> "PairedImages":
        """The rows at ``indices``, as a data set of their own."""
        targets = None if self.targets is None else self.targets.subset(indices)
        return PairedImages(self.inputs.subset(indices), targets, self.name)


def open_side_by_side(
    path: str | Path,
    *,
    direction: Direction,
    resolution: int | tuple[int, int] | None = None,
    folder: str | None = None,
    reading: Reading | None = None,
) -> PairedImages:
    """Files that hold A on the left and B on the right (the pix2pix layout).

    The halves are parted before they are resized, so that neither bleeds into the other. Other
    arguments and errors as in :func:`~gancompress.data.images.open_images`.

    Args:
        path: the folder or the archive.
        direction: ``AtoB`` where A is the input, ``BtoA`` where B is.
    """
    size = (resolution, resolution) if isinstance(resolution, int) else resolution
    left, right = (
        open_as(path, Form(3, size, "none", part), folder=folder, reading=reading)
        for part in ("left", "right")
    )
    return _directed(left, right, direction)


def matched(first: Images, second: Images, a: str, b: str, *, skip: bool) -> tuple[Images, Images]:
    """Bring two sets of images to the names that both have, in one order.

    Args:
        first: images below the folder ``a``.
        second: images below the folder ``b``.
        a: folder of the first.
        b: folder of the second.
        skip: pass over images without a partner instead of refusing them.
    """
    of_first, of_second = _stems(first.names, a), _stems(second.names, b)
    lonely = sorted(of_first.keys() ^ of_second.keys())
    if lonely and not skip:
        raise DataError(
            f"{a} and {b}: {len(lonely)} images have no partner of the same name, "
            f"{lonely[0]} the first; add or remove them"
        )
    both = [stem for stem in of_first if stem in of_second]
    if not both:
        raise DataError(f"{a} and {b}: no image of one has a partner of the same name in the other")
    return (
        first.subset(torch.tensor([of_first[stem] for stem in both])),
        second.subset(torch.tensor([of_second[stem] for stem in both])),
    )


def _stems(names: Sequence[str], folder: str) -> dict[str, int]:
    """Names without folder and suffix, and where they stand."""
    found: dict[str, int] = {}
    for index, name in enumerate(names):
        stem = PurePosixPath(name).relative_to(folder).with_suffix("").as_posix()
        if stem in found:
            both = f"{names[found[stem]]} and {name}"
            raise DataError(f"{both}: one name but for the ending; remove or rename one")
        found[stem] = index
    return found


def _directed(a: Images, b: Images, direction: Direction) -> PairedImages:
    return PairedImages(a, b) if direction == "AtoB" else PairedImages(b, a)
