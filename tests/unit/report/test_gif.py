from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gancompress.errors import DataError
from gancompress.report.gif import save_gif


def test_one_frame_per_entry_with_the_last_one_longer(tmp_path: Path):
    frames = {f"step {10**i}": torch.full((2, 1, 8, 8), i / 2 - 1) for i in range(4)}
    save_gif(frames, tmp_path / "training.gif", milliseconds=100)
    with Image.open(tmp_path / "training.gif") as gif:
        durations, shades = [], []
        for index in range(gif.n_frames):
            gif.seek(index)
            durations.append(gif.info["duration"])
            shades.append(int(np.asarray(gif.convert("L"))[-15, -15]))
    assert durations == [100, 100, 100, 400]
    assert shades == [0, 64, 128, 191]


def test_images_stay_in_place_under_titles_of_different_length(tmp_path: Path):
    images = torch.linspace(-1, 1, 64).view(1, 1, 8, 8)
    save_gif({"0": images, "step 100000": images}, tmp_path / "training.gif")
    with Image.open(tmp_path / "training.gif") as gif:
        first = np.asarray(gif.convert("L"))[:, -100:]
        gif.seek(1)
        assert np.array_equal(first, np.asarray(gif.convert("L"))[:, -100:])


@pytest.mark.parametrize("sizes", [(), (8, 16)])
def test_frames_that_do_not_match_are_refused(tmp_path: Path, sizes: tuple[int, ...]):
    frames = {str(size): torch.zeros(1, 1, size, size) for size in sizes}
    with pytest.raises(DataError, match="gif: every frame needs images of one shape"):
        save_gif(frames, tmp_path / "training.gif")
