"""Semantic synthesis data: a class for every pixel, the outlines of instances, and photographs."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from gancompress.batch import Batch
from gancompress.data.decode import Content, Form
from gancompress.data.images import Images, Indices, Reading, open_as, to_float
from gancompress.data.paired import matched
from gancompress.errors import DataError

UNKNOWN = 255


@dataclass(frozen=True)
class LabelMaps:
    """Label maps, with the outlines of instances and the photographs where there are any.

    A row is ``{"label_map": (K, H, W), "target": (3, H, W)}``: a one-hot channel for each class,
    one for unknown pixels and one for instance edges where asked for; photographs in [-1, 1].

    Attributes:
        maps: class numbers as uint8 (1, H, W) images.
        classes: number of classes.
        unknown: whether pixels of class 255 have a channel of their own (COCO-Stuff).
        edges: outlines of instances as 0 or 1, or None.
        name: what a label map is called in a row.
        photos: the photographs, or None.
    """

    maps: Images
    classes: int
    unknown: bool
    edges: Images | None
    name: str = "label_map"
    photos: Images | None = None

    @property
    def channels(self) -> int:
        """Channels of a label map."""
        return self.classes + int(self.unknown) + int(self.edges is not None)

    def __len__(self) -> int:
        return len(self.maps)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"row {index} of {len(self)}")
        return {name: value[0] for name, value in self.batch([index % len(self)]).items()}

    def batch(self, indices: Indices) -> Batch:
        """Rows at ``indices``, stacked.

        Raises:
            DataError: a map holds a class number that there is no channel for.
        """
        chosen = torch.as_tensor(indices, dtype=torch.int64)
        numbers = self.maps.batch(chosen)[:, 0].long()
        if self.unknown:
            numbers = torch.where(numbers == UNKNOWN, self.classes, numbers)
        count = self.classes + int(self.unknown)
        for index, largest in zip(
            chosen.tolist(), numbers.flatten(1).amax(1).tolist(), strict=True
        ):
            if largest >= count:
                raise DataError(
                    f"{self.maps.names[index]}: class {largest}, but there are {count} (0…"
                    f"{count - 1}); give the number of classes, and unknown=True where 255 is used"
                )
        planes = [F.one_hot(numbers, count).movedim(-1, 1).float()]
        if self.edges is not None:
            planes.append(self.edges.batch(chosen).float())
        rows = {self.name: torch.cat(planes, dim=1)}
        if self.photos is not None:
            rows["target"] = to_float(self.photos.batch(chosen))
        return rows

    def subset(self, indices: Indices) -> "LabelMaps":
        """The rows at ``indices``, as a data set of their own."""
        edges = None if self.edges is None else self.edges.subset(indices)
        photos = None if self.photos is None else self.photos.subset(indices)
        return replace(self, maps=self.maps.subset(indices), edges=edges, photos=photos)


def open_label_maps(
    path: str | Path,
    form: Form | None = None,
    *,
    maps: str,
    classes: int,
    instances: str = "",
    unknown: bool = False,
    reading: Reading | None = None,
) -> LabelMaps:
    """Label maps from folders that hold the files of one scene under one name.

    A pixel's class is its grey level or palette index; maps are resized without interpolation.

    Args:
        path: what holds the folders: a folder or an archive.
        form: size and crop.
        maps: folder of the label maps in it.
        classes: number of classes, 0…classes-1.
        instances: folder of maps in which every instance has a number of its own; their outlines
            become a further channel (GauGAN).
        unknown: give pixels of class 255 a channel of their own.
        reading: see :func:`~gancompress.data.images.open_images`.

    Raises:
        DataError: a file cannot be read or has no partner.
    """

    def opened(folder: str, content: Content) -> Images:
        wanted = replace(form or Form(1), content=content)
        return open_as(path, wanted, folder=folder, reading=reading)

    numbers = opened(maps, "labels")
    edges = _partners(numbers, opened(instances, "edges"), maps, instances) if instances else None
    return LabelMaps(maps=numbers, classes=classes, unknown=unknown, edges=edges)


def _partners(maps: Images, other: Images, folder: str, other_folder: str) -> Images:
    """``other`` in the order of ``maps``."""
    if maps.shape[1:] != other.shape[1:]:
        raise DataError(
            f"{other_folder}: {other.shape[1:]} pixels, {folder} has {maps.shape[1:]}; "
            "give a resolution to bring both to one size"
        )
    return matched(maps, other, folder, other_folder, skip=False)[1]
