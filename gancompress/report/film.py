"""Rows of images that change: over the course of a training, or on the way between samples."""

import os
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from PIL import Image
from torch import Tensor

from gancompress.atomic import replacing
from gancompress.data.video import write_video
from gancompress.errors import DataError
from gancompress.report.grid import draw_grid

# Durations of the last frame, for it is the one to look at.
LAST = 4


def save_film(
    frames: Sequence[Mapping[str, Tensor]],
    path: str | os.PathLike[str],
    *,
    milliseconds: int = 300,
    scale: int | None = None,
) -> None:
    """Write titled rows of images, one picture after the other; the last one stays longer.

    Args:
        frames: of each frame rows of images (N, C, H, W) by title, as in
            :func:`gancompress.report.grid.save_grid`, as many of the same shapes in every frame.
        path: ends in ``.gif`` (256 colours), ``.webp`` or ``.mp4``.
        milliseconds: that each frame is shown.
        scale: pixels per pixel; by default as many as make small images legible.

    Raises:
        DataError: the frames are no images, not of the same shapes, or the ending is another.
        MissingPackageError: ``.mp4`` without the ``video`` extra.
    """
    write = WRITERS.get(Path(path).suffix.lower())
    if write is None:
        raise DataError(f"{path}: a film ends in {', '.join(WRITERS)}")
    shapes = {tuple(tuple(images.shape) for images in rows.values()) for rows in frames}
    if len(shapes) != 1:
        found = ", ".join(map(str, sorted(shapes))) or "no frames"
        raise DataError(f"{path}: every frame needs images of the same shapes, got {found}")
    pictures = [draw_grid(rows, scale=scale) for rows in frames]
    # Titles of different lengths: the images stay where they are, at the right.
    width = max(picture.width for picture in pictures)
    with replacing(path) as temporary:
        write([_widened(picture, width) for picture in pictures], temporary, milliseconds)


def _gif(pictures: Sequence[Image.Image], path: Path, milliseconds: int) -> None:
    _animated(pictures, path, milliseconds, "GIF")


def _webp(pictures: Sequence[Image.Image], path: Path, milliseconds: int) -> None:
    # Each frame is compressed in the way that makes it smaller.
    _animated(pictures, path, milliseconds, "WEBP", quality=80, allow_mixed=True)


def _animated(
    pictures: Sequence[Image.Image], path: Path, milliseconds: int, form: str, **settings: object
) -> None:
    durations = [milliseconds] * (len(pictures) - 1) + [LAST * milliseconds]
    pictures[0].save(
        path,
        format=form,
        save_all=True,
        append_images=pictures[1:],
        duration=durations,
        loop=0,
        **settings,
    )


def _mp4(pictures: Sequence[Image.Image], path: Path, milliseconds: int) -> None:
    shown = [*pictures, *[pictures[-1]] * (LAST - 1)]
    write_video(shown, path, Fraction(1000, milliseconds))


#: What writes a film, by the ending of its file.
WRITERS: dict[str, Callable[[Sequence[Image.Image], Path, int], None]] = {
    ".gif": _gif,
    ".webp": _webp,
    ".mp4": _mp4,
}


def _widened(picture: Image.Image, width: int) -> Image.Image:
    canvas = Image.new("RGB", (width, picture.height), picture.getpixel((0, 0)))
    canvas.paste(picture, (width - picture.width, 0))
    return canvas
