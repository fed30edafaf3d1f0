"""Folders and zips of images with random access, decoded once into a memory-mapped cache."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gancompress.data.cache import Corrupt, Odd, Problem, Survey, default_cache, survey
from gancompress.data.decode import Crop, Form, decode
from gancompress.data.labels import read_labels
from gancompress.data.sources import (
    Source,
    image_names,
    open_source,
    other_image_names,
    other_names,
)
from gancompress.errors import DataError

# Bytes of decoded pixels up to which they are kept on disk.
CACHE_LIMIT = 4 * 2**30

Indices = Sequence[int] | npt.NDArray[np.int64] | Tensor


def to_uint8(images: Tensor) -> Tensor:
    """Float images in [-1, 1] to uint8: ``round((x + 1) · 127.5)``, clamped to 0…255."""
    return images.float().add(1.0).mul(127.5).round().clamp(0.0, 255.0).to(torch.uint8)


def to_float(images: Tensor) -> Tensor:
    """uint8 images to float32 in [-1, 1]: ``x / 127.5 - 1``; :func:`to_uint8` undoes it exactly."""
    return images.float().div(127.5).sub(1.0)


@dataclass(frozen=True)
class Images:
    """Images of one shape with random access.

    Attributes:
        read: gives the images at some indices as uint8 (n, C, H, W).
        names: one name per image, in order.
        labels: class of each image, int64 (n,); None where there are none.
        classes: names of the classes, in the order of the labels.
        shape: (C, H, W) of every image.
        fingerprint: changes whenever a pixel, a label or the order changes.
        problems: what was found to be odd or corrupt, by name, and what was done about it.
    """

    read: Callable[[Tensor], Tensor]
    names: list[str]
    labels: Tensor | None
    classes: tuple[str, ...]
    shape: tuple[int, int, int]
    fingerprint: str
    problems: tuple[Problem, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Tensor:
        """One image, uint8 (C, H, W)."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"image {index} of {len(self)}")
        return self.read(torch.tensor([index % len(self)]))[0]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[index] for index in range(len(self)))

    def batch(self, indices: Indices) -> Tensor:
        """The images at ``indices`` (non-negative), uint8 (n, C, H, W)."""
        return self.read(torch.as_tensor(indices, dtype=torch.int64))

    def subset(self, indices: Indices) -> "Images":
        """The images at ``indices``, as a data set of their own."""
        chosen = torch.as_tensor(indices, dtype=torch.int64)
        read = self.read
        return replace(
            self,
            read=lambda rows: read(chosen[rows]),
            names=[self.names[index] for index in chosen.tolist()],
            labels=None if self.labels is None else self.labels[chosen],
            fingerprint=_digest(self.fingerprint, "subset", chosen.tolist()),
        )


def images_from_tensor(
    pixels: Tensor,
    *,
    labels: Tensor | None = None,
    classes: tuple[str, ...] = (),
    names: list[str] | None = None,
) -> Images:
    """A data set of images that are in memory already, uint8 (n, C, H, W)."""
    if pixels.dtype != torch.uint8 or pixels.ndim != 4:
        raise DataError(f"images: expected uint8 (n, C, H, W), got {pixels.dtype} {pixels.shape}")
    n, channels, height, width = pixels.shape
    digest = hashlib.sha256(pixels.contiguous().numpy().tobytes()).hexdigest()
    return Images(
        read=lambda rows: pixels[rows],
        names=names or [str(index) for index in range(n)],
        labels=labels,
        classes=classes,
        shape=(channels, height, width),
        fingerprint=_digest(digest, None if labels is None else labels.tolist()),
    )


@dataclass(frozen=True)
class Reading:
    """How image files are read.

    Attributes:
        corrupt: ``refuse`` or ``skip`` files that cannot be read.
        odd: ``refuse``, ``skip`` or ``convert`` files with 16 bits, transparency, a palette, or
            other channels than asked for. Transparency is laid over black, 16 bits lose their
            lower eight.
        cache: folder of the cache, by default :func:`~gancompress.data.cache.default_cache`.
        cache_limit: bytes of pixels up to which they are cached.
    """

    corrupt: Corrupt = "refuse"
    odd: Odd = "convert"
    cache: str | Path | None = None
    cache_limit: int = CACHE_LIMIT


def open_images(
    path: str | Path,
    *,
    folder: str | None = None,
    resolution: int | tuple[int, int] | None = None,
    crop: Crop = "none",
    channels: int = 3,
    reading: Reading | None = None,
) -> Images:
    """Open a folder or a zip of images, labelled by class folders or ``dataset.json``.

    The first call decodes every file once; what is odd or corrupt is found then, and the pixels go
    into a memory-mapped cache that later calls on unchanged files use. Sets whose pixels exceed
    its limit are decoded at every access instead.

    Args:
        path: the folder or the archive.
        folder: use only the images below this folder of it.
        resolution: (height, width), or one number for both, to resize to (bicubic, antialiased).
            Without it, all images must have one size.
        crop: ``center`` cuts to the target's aspect ratio before resizing, ``none`` stretches.
        channels: 3 for RGB, 1 for grey.
        reading: what is done with odd and corrupt files, and where decoded ones are kept.

    Raises:
        DataError: nothing to open, a file was refused, or labels do not fit.
    """
    size = (resolution, resolution) if isinstance(resolution, int) else resolution
    return open_as(path, Form(channels, size, crop), folder=folder, reading=reading)


def common_size(path: str | Path, channels: int = 3) -> tuple[int, int] | None:
    """(height, width) of every image in a folder or zip; None where they differ."""
    try:
        _, height, width = open_images(path, channels=channels).shape
    except DataError:  # What else is wrong with it is met by whoever opens it next.
        return None
    return height, width


def open_as(
    path: str | Path, form: Form, *, folder: str | None = None, reading: Reading | None = None
) -> Images:
    """As :func:`open_images`, for any form that files can be decoded to."""
    how = reading or Reading()
    source = open_source(path)
    names = image_names(source, folder)
    labels, classes = read_labels(source, names, folder)
    found = survey(
        source,
        names,
        form,
        corrupt=how.corrupt,
        odd=how.odd,
        cache=default_cache() if how.cache is None else Path(how.cache),
        limit=how.cache_limit,
    )
    kept_labels = None
    if labels is not None:
        label_of = dict(zip(names, labels, strict=True))
        kept_labels = torch.tensor([label_of[name] for name in found.names])
    return Images(
        read=_reader(source, found, form),
        names=found.names,
        labels=kept_labels,
        classes=classes,
        shape=found.shape,
        fingerprint=_digest(found.digest, None if kept_labels is None else kept_labels.tolist()),
        problems=(*found.problems, *_passed_over(source, folder)),
    )


def _passed_over(source: Source, folder: str | None) -> list[Problem]:
    """Image files of kinds that are not read, and what is no file."""
    others = other_image_names(source, folder)
    outside = [name for name in source.names if ".." in name.split("/")]
    return [
        *(Problem(name, "a kind of file that is not read", "skipped") for name in others),
        *(
            Problem(name, "a pipe, a device, or a link that leads nowhere or back", "skipped")
            for name in other_names(source, folder)
        ),
        *(Problem(name, "a name that leads out of the archive", "skipped") for name in outside),
    ]


def _reader(source: Source, found: Survey, form: Form) -> Callable[[Tensor], Tensor]:
    pixels = found.pixels
    if pixels is not None:
        return pixels.__getitem__

    def read(rows: Tensor) -> Tensor:
        decoded = []
        for row in rows.tolist():
            name = found.names[row]
            try:
                decoded.append(decode(source.read(name), form)[0])
            except Exception as error:
                raise DataError(
                    f"{source.path}, {name}: changed since it was read first"
                ) from error
        return torch.from_numpy(np.stack(decoded))

    return read


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
