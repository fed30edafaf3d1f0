"""One image file to one uint8 array, and what was odd about it on the way."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

Crop = Literal["center", "none"]
Part = Literal["whole", "left", "right"]
Content = Literal["image", "labels", "edges"]

Pixels = npt.NDArray[np.uint8]

# What Pillow may recognise in a file, whatever its name. Other formats are read by programs that it
# starts (PostScript) or by decoders that few have looked at.
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "DIB", "TIFF", "PPM", "GIF")

# Of one image: 8192 × 8192.
MOST_PIXELS = 2**26

# How far a side may be stretched against the other one before it is told.
STRETCH = 1.02

_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N")
_NUMBERS = (*_SIXTEEN_BIT, "I")
_TRANSPARENT = ("RGBA", "LA", "La", "RGBa", "PA")

_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class Form:
    """What every image of a data set is brought to.

    Attributes:
        channels: 3 (RGB) or 1 (grey).
        size: (height, width), or None to keep each image's own.
        crop: ``center`` cuts the largest centred window of the target's aspect ratio before
            resizing; ``none`` stretches the whole image.
        part: the ``left`` or ``right`` half of a file that holds two images side by side.
        content: ``image``; ``labels``, where each pixel is a class number that must not be
            interpolated; ``edges``, the outlines (0 or 1) of the areas of an instance map.
    """

    channels: int
    size: tuple[int, int] | None = None
    crop: Crop = "none"
    part: Part = "whole"
    content: Content = "image"


@contextmanager
def open_picture(data: bytes) -> Iterator[Image.Image]:
    """The one place where image files are opened: only formats and sizes that are wanted.

    Args:
        data: of a PNG, JPEG, WebP, BMP, TIFF, PPM or GIF file.

    Raises:
        ValueError: it has more than :data:`MOST_PIXELS`, which are not decoded.
        Exception: whatever Pillow raises for a file that it cannot read.
    """
    with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
        if opened.width * opened.height > MOST_PIXELS:
            size = f"{opened.width}×{opened.height}"
            raise ValueError(f"{size} pixels, more than {MOST_PIXELS:,}: make it smaller")
        yield opened


def decode(data: bytes, form: Form) -> tuple[Pixels, str | None]:
    """Decode an image file and bring it to ``form``.

    Returns:
        The image as uint8 (C, H, W), and what is odd about the file (None where nothing is):
        converting it lost something or had to guess. :func:`is_remark` tells the harmless.

    Raises:
        ValueError: it is too large, or its values have no known white.
        Exception: whatever Pillow raises for a file that it cannot read.
    """
    oddities: list[str] = []
    with open_picture(data) as opened:
        if getattr(opened, "is_animated", False):
            oddities.append(f"the first of {getattr(opened, 'n_frames', 'several')} frames")
        sixteen = ";16" in str(getattr(opened, "tile", ""))
        opened.load()
        if form.content == "image":
            oddities += _oddities(opened, form.channels, sixteen)
            image, filter_ = _plain(opened, form.channels), Image.Resampling.BICUBIC
        else:
            image, filter_ = _numbers(opened), Image.Resampling.NEAREST
        image = _turned(image, opened, oddities)
    image = _half(image, form.part)
    if form.size is not None:
        if form.crop == "none" and _is_stretched(image.size, form.size):
            height, width = form.size
            oddities.append(f"stretched from {image.height}×{image.width} to {height}×{width}")
        image = _fit(image, form.size, form.crop, filter_)
    array = np.asarray(image)
    if form.content == "edges":
        array = _edges(array)
    if array.max(initial=0) > 255:
        raise ValueError(f"class number {array.max()}: classes are numbered 0…255")
    array = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    return np.ascontiguousarray(array, dtype=np.uint8), ", ".join(oddities) or None


def is_remark(oddity: str) -> bool:
    """Whether nothing had to be guessed: the image is as its file says, only not as it lies there.

    Such an image is told of, but neither refused nor skipped.
    """
    return all(part.startswith(("stretched", "turned")) for part in oddity.split(", "))


def _turned(image: Image.Image, opened: Image.Image, oddities: list[str]) -> Image.Image:
    """As a viewer shows it: cameras leave the pixels as they came and say how to turn them."""
    orientation = opened.getexif().get(_ORIENTATION, 1)
    if orientation not in _TURNS:
        return image
    oddities.append(f"turned by its EXIF orientation {orientation}")
    return image.transpose(_TURNS[orientation])


def _is_stretched(size: tuple[int, int], target: tuple[int, int]) -> bool:
    ratio = (size[0] * target[0]) / (size[1] * target[1])
    return max(ratio, 1 / ratio) > STRETCH


def _oddities(image: Image.Image, channels: int, sixteen: bool) -> list[str]:
    mode = image.mode
    found = []
    if sixteen or mode in _SIXTEEN_BIT:
        found.append("16-bit")
    elif mode in ("I", "F"):
        found.append("32-bit")
    if mode in ("P", "PA"):
        found.append("palette")
    if mode in _TRANSPARENT or "transparency" in image.info:
        found.append("transparency")
    if mode in ("L", "1", *_NUMBERS, "F", "LA", "La"):
        found += ["greyscale"] if channels == 3 and not found else []
    elif mode in ("RGB", "RGBA", "RGBa"):
        found += ["colour"] if channels == 1 else []
    elif mode not in ("P", "PA"):
        found.append(f"{mode} colours")
    return found


def _plain(image: Image.Image, channels: int) -> Image.Image:
    """RGB or L; transparency is laid over black, 16 bits lose their lower eight."""
    if image.mode in (*_NUMBERS, "F"):
        image = _eight_bits(image)
    elif image.mode in _TRANSPARENT or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
    return image.convert("RGB" if channels == 3 else "L")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey values of more than 8 bits; those of 32 bits do not say where white is."""
    values = np.asarray(image).astype(np.float64)
    largest = float(values.max(initial=0.0))
    if not np.isfinite(values).all() or float(values.min(initial=0.0)) < 0:
        raise ValueError("values below 0 or that are no numbers: convert it to 8 or 16 bits")
    if image.mode in _SIXTEEN_BIT or image.format in ("PNG", "PPM"):
        scale = 257.0
    elif image.mode == "F" and largest <= 1:
        scale = 1 / 255
    elif largest <= 255:
        scale = 1.0
    elif largest <= 65_535:
        scale = 257.0
    else:
        raise ValueError(f"values up to {largest:g}: convert it to 8 or 16 bits")
    return Image.fromarray(np.clip(np.rint(values / scale), 0, 255).astype(np.uint8))


def _numbers(image: Image.Image) -> Image.Image:
    """The numbers in a map of classes or instances, whatever colours a palette gives them."""
    if image.mode not in ("L", "P", "1", *_NUMBERS):
        raise ValueError(f"{image.mode} colours: a map must hold one number per pixel")
    return Image.fromarray(np.asarray(image).astype(np.int32))


def _edges(numbers: npt.NDArray[np.int32]) -> Pixels:
    """1 where a pixel differs from one of its four neighbours."""
    edges = np.zeros(numbers.shape, dtype=np.uint8)
    down, across = numbers[1:] != numbers[:-1], numbers[:, 1:] != numbers[:, :-1]
    edges[1:] |= down
    edges[:-1] |= down
    edges[:, 1:] |= across
    edges[:, :-1] |= across
    return edges


def _half(image: Image.Image, part: Part) -> Image.Image:
    if part == "whole":
        return image
    middle = image.width // 2
    left = 0 if part == "left" else image.width - middle
    return image.crop((left, 0, left + middle, image.height))


def _fit(
    image: Image.Image, size: tuple[int, int], crop: Crop, filter_: Image.Resampling
) -> Image.Image:
    height, width = size
    if image.size == (width, height):
        return image
    box = None
    if crop == "center":
        scale = min(image.width / width, image.height / height)
        cut_width, cut_height = width * scale, height * scale
        left, top = (image.width - cut_width) / 2, (image.height - cut_height) / 2
        box = (left, top, left + cut_width, top + cut_height)
    return image.resize((width, height), filter_, box=box)
