"""IDX files, the format MNIST is published in."""

import gzip
import zlib
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gancompress.data.images import Images, images_from_tensor
from gancompress.errors import DataError

# Third byte of the header: the element type, stored big-endian.
_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: str | Path) -> Tensor:
    """The array of an IDX file, plain or gzipped, in the machine's byte order.

    Raises:
        DataError: there is no such file, or it is cut or not IDX.
    """
    file = Path(path).expanduser()
    try:
        content = file.read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{file}: cannot be read ({error})") from error
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _TYPES:
        raise DataError(f"{file}: not an IDX file (it must start with 00 00, type, dimensions)")
    start = 4 + 4 * content[3]
    shape = tuple(np.frombuffer(content[4:start], ">u4").tolist())
    dtype = np.dtype(_TYPES[content[2]])
    if len(content) != start + dtype.itemsize * int(np.prod(shape)):
        raise DataError(f"{file}: {len(content)} bytes do not fit the shape {shape} in its header")
    values = np.frombuffer(content, dtype, offset=start).reshape(shape)
    return torch.from_numpy(values.astype(dtype.newbyteorder("=")))


def is_idx(path: Path) -> bool:
    """Whether a file has a name of IDX files, such as ``t10k-images-idx3-ubyte.gz``."""
    return path.is_file() and path.name.removesuffix(".gz").endswith(("-ubyte", ".idx"))


def labels_beside(images: Path) -> Path | None:
    """The file of labels in the folder of MNIST's images, where it is there."""
    beside = images.with_name(images.name.replace("images-idx3", "labels-idx1"))
    return beside if beside != images and beside.is_file() else None


def open_idx(
    images: str | Path,
    labels: str | Path | None = None,
    *,
    resolution: tuple[int, int] | None = None,
    channels: int = 1,
) -> Images:
    """Grey images, and their labels where a file of them is given, from IDX files.

    Args:
        images, labels: the files.
        resolution: (height, width) to resize to, by Pillow's bicubic filter.
        channels: 1, or 3 to repeat the grey.

    Returns:
        uint8 images (channels, H, W); classes are named by their numbers.
    """
    pixels = read_idx(images)
    if pixels.ndim != 3 or pixels.dtype != torch.uint8:
        raise DataError(f"{images}: expected bytes (n, H, W), got {pixels.dtype} {pixels.shape}")
    if resolution is not None and tuple(pixels.shape[1:]) != resolution:
        pixels = _resized(pixels, resolution)
    pixels = pixels[:, None].repeat(1, channels, 1, 1)
    if labels is None:
        return images_from_tensor(pixels)
    numbers = read_idx(labels).to(torch.int64)
    if numbers.shape != pixels.shape[:1]:
        raise DataError(f"{labels}: {tuple(numbers.shape)} labels for {len(pixels)} images")
    classes = tuple(str(label) for label in range(int(numbers.max()) + 1))
    return images_from_tensor(pixels, labels=numbers, classes=classes)


def _resized(pixels: Tensor, resolution: tuple[int, int]) -> Tensor:
    height, width = resolution
    resized = [
        Image.fromarray(one).resize((width, height), Image.Resampling.BICUBIC)
        for one in pixels.numpy()
    ]
    return torch.from_numpy(np.stack([np.asarray(one) for one in resized]))
