"""The same latents over the course of a training, as an animated GIF."""

import os
from collections.abc import Mapping

from PIL import Image
from torch import Tensor

from gancompress.atomic import replacing
from gancompress.errors import DataError
from gancompress.report.grid import draw_grid


def save_gif(
    frames: Mapping[str, Tensor],
    path: str | os.PathLike[str],
    *,
    milliseconds: int = 300,
    scale: int | None = None,
) -> None:
    """Write one frame per entry, each a row of images under its title; the last one stays longer.

    Args:
        frames: title (``step 2000``) to images (N, C, H, W) as in
            :func:`gancompress.report.grid.save_grid`, the same shape in every frame.
        path: of the GIF.
        milliseconds: that each frame is shown.
        scale: pixels per pixel; by default as many as make small images legible.

    Raises:
        DataError: the frames are no images, or not of one shape.
    """
    shapes = {tuple(images.shape) for images in frames.values()}
    if len(shapes) != 1:
        found = ", ".join(map(str, sorted(shapes))) or "no frames"
        raise DataError(f"gif: every frame needs images of one shape, got {found}")
    pictures = [draw_grid({title: images}, scale=scale) for title, images in frames.items()]
    # Titles of different lengths: the images stay where they are, at the right.
    width = max(picture.width for picture in pictures)
    pictures = [_widened(picture, width) for picture in pictures]
    durations = [milliseconds] * (len(pictures) - 1) + [4 * milliseconds]
    with replacing(path) as temporary:
        pictures[0].save(
            temporary,
            format="GIF",
            save_all=True,
            append_images=pictures[1:],
            duration=durations,
            loop=0,
        )


def _widened(picture: Image.Image, width: int) -> Image.Image:
    canvas = Image.new("RGB", (width, picture.height), picture.getpixel((0, 0)))
    canvas.paste(picture, (width - picture.width, 0))
    return canvas
