"""Labelled grids of images, made so that people can compare them."""

import math
import os
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import matplotlib
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from gancompress.atomic import replacing
from gancompress.data.images import to_uint8
from gancompress.errors import DataError

# Small images are enlarged until a side is this long, in pixels.
LEGIBLE = 96

# Pixels between two images and around them.
GAP = 4
MARGIN = 10

# Pixels; titles shrink to fit their column, but stay readable.
LARGEST_TEXT = 15
SMALLEST_TEXT = 9

INK = (30, 30, 30)
# Grey, so that images with a white background end where they end.
PAPER = (235, 235, 235)


def save_grid(
    rows: Mapping[str, Tensor],
    path: str | os.PathLike[str],
    columns: Sequence[str] | None = None,
    scale: int | None = None,
) -> None:
    """Write a PNG with one titled row of images per entry and one column per sample.

    Args:
        rows: title to images (N, C, H, W), the same N in every row, C 1 or 3; uint8, or float in
            [-1, 1] (values outside are clamped, nothing is stretched). Rows of smaller images are
            enlarged by a whole factor and centred.
        path: of the PNG.
        columns: N titles; none by default.
        scale: pixels per pixel of the largest images; by default as few as make them legible.

    Raises:
        DataError: the images are no images, or rows and columns do not match.
    """
    save_png(draw_grid(rows, columns, scale), path)


def draw_grid(
    rows: Mapping[str, Tensor],
    columns: Sequence[str] | None = None,
    scale: int | None = None,
) -> Image.Image:
    """The picture that :func:`save_grid` writes."""
    pictures = {title: _pixels(title, images) for title, images in rows.items()}
    count = _common_count(pictures, columns)
    height = max(images.shape[2] for images in pictures.values())
    width = max(images.shape[3] for images in pictures.values())
    if scale is None:
        scale = max(1, math.ceil(LEGIBLE / max(height, width)))
    height, width = height * scale, width * scale
    # Lay out.
    names = _font(LARGEST_TEXT)
    left = MARGIN + max(math.ceil(names.getlength(title)) for title in pictures)
    left += 2 * GAP if any(pictures) else 0
    heads = _fitting_font(columns or (), width)
    top = MARGIN + (_line_height(heads) + GAP if columns else 0)
    size = (
        left + count * (width + GAP) - GAP + MARGIN,
        top + len(pictures) * (height + GAP) - GAP + MARGIN,
    )
    canvas = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(canvas)
    # Draw.
    for column, title in enumerate(columns or ()):
        centre = left + column * (width + GAP) + width / 2
        pen.text((centre, MARGIN), _shortened(title, heads, width), INK, heads, anchor="ma")
    for row, (title, images) in enumerate(pictures.items()):
        y = top + row * (height + GAP)
        pen.text((left - 2 * GAP, y + height / 2), title, INK, names, anchor="rm")
        for column in range(count):
            tile = _enlarged(images[column], height, width)
            x = left + column * (width + GAP)
            canvas.paste(tile, (x + (width - tile.width) // 2, y + (height - tile.height) // 2))
    return canvas


def save_png(picture: Image.Image, path: str | os.PathLike[str]) -> None:
    """Replace the file at ``path`` by ``picture`` as PNG."""
    with replacing(path) as temporary:
        picture.save(temporary, format="PNG", optimize=True)


def picture_of(image: Tensor) -> Image.Image:
    """One image (C, H, W) in [-1, 1] or uint8, C 1 or 3, as it is: neither titled nor enlarged."""
    pixels = (image if image.dtype == torch.uint8 else to_uint8(image)).detach().cpu()
    array = pixels[0] if len(pixels) == 1 else pixels.permute(1, 2, 0)
    return Image.fromarray(array.contiguous().numpy())


def _pixels(title: str, images: Tensor) -> Tensor:
    if images.ndim != 4 or images.shape[1] not in (1, 3) or images.numel() == 0:
        raise DataError(
            f"grid row {title!r}: shape {tuple(images.shape)}; expected images "
            "(N, 1, H, W) or (N, 3, H, W)"
        )
    images = images.detach().cpu()
    if images.dtype == torch.uint8:
        return images
    if not bool(torch.isfinite(images).all()):
        raise DataError(f"grid row {title!r}: holds values that are not finite")
    return to_uint8(images)


def _common_count(pictures: Mapping[str, Tensor], columns: Sequence[str] | None) -> int:
    counts = {title: len(images) for title, images in pictures.items()}
    if columns is not None:
        counts["column titles"] = len(columns)
    if len(set(counts.values())) != 1:
        found = ", ".join(f"{title}: {count}" for title, count in counts.items())
        raise DataError(f"grid: every row needs the same number of images, got {found or 'none'}")
    return next(iter(counts.values()))


def _enlarged(image: Tensor, height: int, width: int) -> Image.Image:
    """``image`` (C, H, W) by the largest whole factor that fits, every pixel a sharp square."""
    factor = max(1, min(height // image.shape[1], width // image.shape[2]))
    array = image[0] if len(image) == 1 else image.permute(1, 2, 0)
    picture = Image.fromarray(array.contiguous().numpy()).convert("RGB")
    return picture.resize(
        (picture.width * factor, picture.height * factor), Image.Resampling.NEAREST
    )


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    # matplotlib's own font is on every machine, and has every letter that a class may be named by.
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return ImageFont.truetype(str(folder / "DejaVuSans.ttf"), size)


def _line_height(font: ImageFont.FreeTypeFont) -> int:
    ascent, descent = font.getmetrics()
    return ascent + descent


def _fitting_font(titles: Sequence[str], width: int) -> ImageFont.FreeTypeFont:
    """The largest font in which all ``titles`` fit into ``width`` pixels, within reason."""
    for size in range(LARGEST_TEXT, SMALLEST_TEXT, -1):
        font = _font(size)
        if all(font.getlength(title) <= width for title in titles):
            return font
    return _font(SMALLEST_TEXT)


def _shortened(title: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    if font.getlength(title) <= width:
        return title
    while title and font.getlength(title + "…") > width:
        title = title[:-1]
    return title + "…"
