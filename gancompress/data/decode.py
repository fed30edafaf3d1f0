"""One image file to one uint8 array, and what was odd about it on the way."""

import io
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

Crop = Literal["center", "none"]
Part = Literal["whole", "left", "right"]
Content = Literal["image", "labels", "edges"]

Pixels = npt.NDArray[np.uint8]

_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N", "I")


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
    size: tuple[int, int] | None
    crop: Crop
    part: Part = "whole"
    content: Content = "image"


def decode(data: bytes, form: Form) -> tuple[Pixels, str | None]:
    """Decode an image file and bring it to ``form``.

    Returns:
        The image as uint8 (C, H, W), and what is odd about the file (None where nothing is):
        converting it lost something or had to guess.

    Raises:
        Exception: whatever Pillow raises for a file that it cannot read.
    """
    with Image.open(io.BytesIO(data)) as opened:
        opened.load()
        if form.content == "image":
            oddity = _oddity(opened, form.channels)
            image, filter_ = _plain(opened, form.channels), Image.Resampling.BICUBIC
        else:
            oddity = None
            image, filter_ = _numbers(opened), Image.Resampling.NEAREST
    image = _half(image, form.part)
    if form.size is not None:
        image = _fit(image, form.size, form.crop, filter_)
    array = np.asarray(image)
    if form.content == "edges":
        array = _edges(array)
    if array.max(initial=0) > 255:
        raise ValueError(f"class number {array.max()}: classes are numbered 0…255")
    array = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    return np.ascontiguousarray(array, dtype=np.uint8), oddity


def _oddity(image: Image.Image, channels: int) -> str | None:
    if image.mode in _SIXTEEN_BIT:
        return "16-bit"
    if image.mode in ("P", "PA"):
        return "palette"
    if image.mode in ("RGBA", "LA", "La", "RGBa") or "transparency" in image.info:
        return "transparency"
    if image.mode in ("L", "1"):
        return None if channels == 1 else "greyscale"
    if image.mode == "RGB":
        return None if channels == 3 else "colour"
    return f"{image.mode} colours"


def _plain(image: Image.Image, channels: int) -> Image.Image:
    """RGB or L; transparency is laid over black, 16 bits lose their lower eight."""
    if image.mode in _SIXTEEN_BIT:
        values = np.asarray(image).astype(np.float64) / 257.0
        image = Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))
    elif image.mode in ("RGBA", "LA", "La", "RGBa", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
    return image.convert("RGB" if channels == 3 else "L")


def _numbers(image: Image.Image) -> Image.Image:
    """The numbers in a map of classes or instances, whatever colours a palette gives them."""
    if image.mode not in ("L", "P", "1", *_SIXTEEN_BIT):
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
