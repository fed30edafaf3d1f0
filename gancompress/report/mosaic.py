"""Maps of images beside each other, each with the tiles of one source."""

import os
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

from gancompress.report.grid import INK, PAPER, picture_of, save_grid

# Pixels of a tile's side.
TILE = 24


def save_maps(
    rows: int,
    columns: int,
    sides: Sequence[tuple[Tensor, NDArray[np.int64]]],
    titles: Sequence[str],
    path: str | os.PathLike[str],
) -> None:
    """Write a PNG with one map a source, side by side; tiles of other sources are left empty.

    Args:
        rows, columns: of each map.
        sides: of each source its images, uint8 (n, C, H, W), C 1 or 3, and the tile of each.
        titles: of the sources.
        path: of the PNG.
    """
    maps = [_drawn(rows, columns, images, tiles) for images, tiles in sides]
    save_grid({"": torch.stack(maps)}, path, list(titles), scale=1)


def _drawn(rows: int, columns: int, images: Tensor, tiles: NDArray[np.int64]) -> Tensor:
    """One map, uint8 (3, H, W)."""
    canvas = Image.new("RGB", (columns * TILE, rows * TILE), PAPER)
    for small, tile in zip(_small(images), tiles, strict=True):
        y, x = divmod(int(tile), columns)
        canvas.paste(picture_of(small), (x * TILE, y * TILE))
    # Where a map ends is not seen otherwise.
    ImageDraw.Draw(canvas).rectangle((0, 0, canvas.width - 1, canvas.height - 1), outline=INK)
    return torch.from_numpy(np.array(canvas)).permute(2, 0, 1)


def _small(images: Tensor) -> Tensor:
    mode = "bilinear" if images.shape[-1] > TILE else "nearest"
    antialias = {"antialias": True} if mode == "bilinear" else {}
    sized = F.interpolate(images.float(), (TILE, TILE), mode=mode, **antialias)
    return sized.round().clamp(0, 255).to(torch.uint8)
