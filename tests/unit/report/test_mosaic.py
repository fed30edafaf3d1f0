"""Maps of images as a picture."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from gancompress.report.mosaic import TILE, save_maps


def test_images_are_on_their_tiles_and_the_others_are_empty(tmp_path: Path) -> None:
    grey = torch.full((1, 1, 8, 8), 7, dtype=torch.uint8)
    coloured = torch.full((1, 3, 64, 64), 200, dtype=torch.uint8)
    sides = [(grey, np.array([0])), (coloured, np.array([3]))]
    save_maps(2, 2, sides, ["a", "b"], tmp_path / "map.png")
    pixels = np.asarray(Image.open(tmp_path / "map.png").convert("L")).astype(int)
    # Without the frames of both maps.
    assert (TILE - 2) ** 2 <= (pixels == 7).sum() <= TILE**2
    assert (TILE - 2) ** 2 <= (pixels == 200).sum() <= TILE**2
    columns = [np.argwhere(pixels == level)[:, 1].mean() for level in (7, 200)]
    assert columns[1] - columns[0] > 2 * TILE
