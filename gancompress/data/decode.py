"""One image file to one uint8 array, and what was odd about it on the way."""

import io
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

Crop = Literal["center", "none"]

Pixels = npt.NDArray[np.uint8]

_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")


@dataclass(frozen=True)
class Form:
    """What every image of a data set is brought to.

    Attributes:
        channels: 3 (RGB) or 1 (grey).
        size: (height, width), or None to keep each image's own.
        crop: ``center`` cuts the largest centred window of the target's aspect ratio before
            resizing; ``none`` stretches the whole image.
    """

    channels: int
    size: tuple[int, int] | None
    crop: Crop


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
        oddity = _oddity(opened, form.channels)
        image = _plain(opened, form.channels)
    if form.size is not None:
        image = _fit(image, form.size, form.crop)
    array = np.asarray(image, dtype=np.uint8)
    array = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    return np.ascontiguousarray(array), oddity


def _oddity(image: Image.Image, channels: int) -> str | None:
    if image.mode in _SIXTEEN_BIT:
        return "16-bit"
    if image.mode in ("P", "PA"):
        return "palette"
    if image.mode in ("RGBA", "LA", "La", "RGBa"):
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


def _fit(image: Image.Image, size: tuple[int, int], crop: Crop) -> Image.Image:
    height, width = size
    if image.size == (width, height):
        return image
    box = None
    if crop == "center":
        scale = min(image.width / width, image.height / height)
        cut_width, cut_height = width * scale, height * scale
        left, top = (image.width - cut_width) / 2, (image.height - cut_height) / 2
        box = (left, top, left + cut_width, top + cut_height)
    return image.resize((width, height), Image.Resampling.BICUBIC, box=box)
