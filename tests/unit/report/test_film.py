from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gancompress.errors import DataError
from gancompress.report.film import save_film


@pytest.mark.parametrize("ending", ["gif", "webp"])
def test_one_frame_per_entry_with_the_last_one_longer(ending: str, tmp_path: Path):
    frames = [{f"step {10**i}": torch.full((2, 1, 8, 8), i / 2 - 1)} for i in range(4)]
    save_film(frames, tmp_path / f"training.{ending}", milliseconds=100)
    with Image.open(tmp_path / f"training.{ending}") as film:
        durations, shades = [], []
        for index in range(film.n_frames):
            film.seek(index)
            film.load()
            durations.append(film.info["duration"])
            shades.append(int(np.asarray(film.convert("L"))[-15, -15]))
    assert durations == [100, 100, 100, 400]
    assert np.abs(np.subtract(shades, [0, 64, 128, 191])).max() <= 2


def test_a_film_is_also_a_video_with_its_last_frame_kept(tmp_path: Path):
    av = pytest.importorskip("av")
    frames = [{"": torch.full((1, 3, 97, 96), shade)} for shade in (-1.0, 1.0)]
    save_film(frames, tmp_path / "training.mp4", milliseconds=100)
    with av.open(str(tmp_path / "training.mp4")) as film:
        assert film.streams.video[0].average_rate == 10
        shades = [frame.to_ndarray(format="gray").mean() for frame in film.decode(video=0)]
    assert len(shades) == 5
    assert shades[0] < 128 < min(shades[1:])


def test_images_stay_in_place_under_titles_of_different_length(tmp_path: Path):
    images = torch.linspace(-1, 1, 64).view(1, 1, 8, 8)
    save_film([{"0": images}, {"step 100000": images}], tmp_path / "training.gif")
    with Image.open(tmp_path / "training.gif") as film:
        first = np.asarray(film.convert("L"))[:, -100:]
        film.seek(1)
        assert np.array_equal(first, np.asarray(film.convert("L"))[:, -100:])


@pytest.mark.parametrize("sizes", [(), (8, 16)])
def test_frames_that_do_not_match_are_refused(tmp_path: Path, sizes: tuple[int, ...]):
    frames = [{str(size): torch.zeros(1, 1, size, size)} for size in sizes]
    with pytest.raises(DataError, match="every frame needs images of the same shapes"):
        save_film(frames, tmp_path / "training.gif")


def test_another_ending_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match=r"a film ends in \.gif, \.webp, \.mp4"):
        save_film([], tmp_path / "training.avi")
