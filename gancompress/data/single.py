"""One photograph, and the pyramid that a single-image GAN is trained on."""

import math
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from gancompress.data.decode import Form, decode
from gancompress.data.images import to_float
from gancompress.errors import DataError


def open_single(path: str | Path, *, max_size: int | None = None) -> Tensor:
    """One photograph as float32 (1, 3, H, W) in [-1, 1].

    Args:
        path: the file.
        max_size: longest side; a larger photograph is reduced to it, keeping its aspect ratio.

    Raises:
        DataError: the file cannot be read.
    """
    file = Path(path).expanduser()
    try:
        pixels, _ = decode(file.read_bytes(), Form(channels=3, size=None, crop="none"))
    except Exception as error:  # Pillow's decoders raise whatever they like on damaged files.
        raise DataError(f"{file}: cannot be read as an image ({error})") from error
    image = to_float(torch.from_numpy(pixels))[None]
    longest = max(image.shape[-2:])
    if max_size is None or longest <= max_size:
        return image
    return resized(image, scaled_size(image, max_size / longest))


def scaled_size(image: Tensor, scale: float) -> tuple[int, int]:
    """Height and width of an image times ``scale``, rounded, at least 1."""
    height, width = image.shape[-2:]
    return max(round(height * scale), 1), max(round(width * scale), 1)


def resized(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Bicubic, antialiased resizing of float images, clamped to [-1, 1]."""
    resize = F.interpolate(image, size=size, mode="bicubic", align_corners=False, antialias=True)
    return resize.clamp(-1.0, 1.0)


def pyramid_scales(stages: int, smallest: float) -> list[float]:
    """The scale of every stage, from ``smallest`` to 1.

    Hinz et al. 2021, Improved Techniques for Training Single-Image GANs (ConSinGAN), sec. 3.2:
    stage n of N + 1 has scale r^((N-1)/log N · log(N-n) + 1), so that most stages lie near the
    coarse end, where the layout is decided.

    Args:
        stages: number of images, at least 1.
        smallest: scale of the coarsest, in (0, 1]; one stage is the image itself.
    """
    if stages < 1 or not 0 < smallest <= 1:
        raise DataError(
            f"pyramid: {stages} stages from scale {smallest}: need 1 or more, in (0, 1]"
        )
    last = stages - 1
    if last == 0:
        return [1.0]
    ratio = smallest ** (1 / last)
    spread = (last - 1) / math.log(last) if last > 1 else 0.0
    exponents = [spread * math.log(last - stage) + 1 for stage in range(last)]
    return [*(ratio**exponent for exponent in exponents), 1.0]


def pyramid(image: Tensor, *, stages: int, min_size: int) -> list[Tensor]:
    """The image at every stage, coarsest first.

    Args:
        image: (1, C, H, W) in [-1, 1].
        stages: number of images.
        min_size: shorter side of the coarsest (25 in the paper).

    Returns:
        ``stages`` images; the last is ``image`` itself.
    """
    smallest = min(min_size / min(image.shape[-2:]), 1.0)
    scales = pyramid_scales(stages, smallest)
    return [*(resized(image, scaled_size(image, scale)) for scale in scales[:-1]), image]
