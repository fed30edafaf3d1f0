from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gancompress.errors import DataError
from gancompress.report.grid import GAP, LEGIBLE, MARGIN, PAPER, draw_grid, save_grid


def ramp(count: int = 3, channels: int = 1, side: int = 8) -> torch.Tensor:
    values = torch.linspace(-1, 1, side).expand(count, channels, side, side)
    return values.clone()


def pixels(images: torch.Tensor, scale: int = 1) -> np.ndarray:
    """An untitled grid of one row, as an array (H, W, 3) without its margins."""
    array = np.asarray(draw_grid({"": images}, scale=scale))
    return array[MARGIN:-MARGIN, MARGIN:-MARGIN]


def test_values_are_converted_and_never_stretched():
    dim = pixels(torch.tensor([-0.5, 0.0, 0.5]).view(1, 1, 1, 3))
    assert dim[0, :, 0].tolist() == [64, 128, 191]


def test_values_outside_are_clamped():
    assert pixels(torch.tensor([-3.0, 3.0]).view(1, 1, 1, 2))[0, :, 0].tolist() == [0, 255]


def test_bytes_are_shown_as_they_are():
    images = torch.arange(12, dtype=torch.uint8).view(1, 3, 2, 2)
    assert np.array_equal(pixels(images), images[0].permute(1, 2, 0).numpy())


def test_enlarged_pixels_are_sharp_squares():
    small, large = pixels(ramp(1)), pixels(ramp(1), scale=5)
    assert np.array_equal(large, small.repeat(5, axis=0).repeat(5, axis=1))


def test_small_images_become_legible_and_large_ones_stay():
    assert pixels(ramp(1, side=8)).shape[:2] == (8, 8)
    size = draw_grid({"": ramp(1, side=8)}).height - 2 * MARGIN
    assert LEGIBLE <= size < LEGIBLE + 8
    assert draw_grid({"": ramp(1, side=256)}).height == 256 + 2 * MARGIN


def test_rows_of_smaller_images_are_brought_to_the_size_of_the_largest():
    grid = draw_grid({"a": ramp(2, side=4), "b": ramp(2, side=16)}, scale=1)
    assert grid.height == 2 * 16 + GAP + 2 * MARGIN
    column = np.asarray(grid)[MARGIN : MARGIN + 16, -MARGIN - 1]
    assert (column == 255).all()


def test_samples_keep_their_order():
    shades = torch.tensor([-1.0, 0.0, 1.0]).view(3, 1, 1, 1).expand(3, 1, 4, 4)
    row = pixels(shades)[0, :, 0]
    assert [int(row[i * (4 + GAP)]) for i in range(3)] == [0, 128, 255]


def test_titles_leave_the_images_alone():
    plain = pixels(ramp(), scale=12)
    titled = np.asarray(
        draw_grid({"a very long title of a row": ramp()}, columns=["0", "wide" * 20, "2"], scale=12)
    )
    height, width = plain.shape[:2]
    assert np.array_equal(titled[-height - MARGIN : -MARGIN, -width - MARGIN : -MARGIN], plain)
    assert titled.shape[1] > width + 2 * MARGIN + 100


def test_row_and_column_titles_are_drawn():
    grid = np.asarray(draw_grid({"teacher": ramp(1)}, columns=["7"]))
    above, beside = grid[: -LEGIBLE - MARGIN], grid[-LEGIBLE - MARGIN :, : -LEGIBLE - MARGIN]
    assert (above != PAPER).any() and (beside != PAPER).any()


def test_file_is_a_png_of_the_drawing(tmp_path: Path):
    save_grid({"a": ramp()}, tmp_path / "samples.png", columns=["0", "1", "2"])
    with Image.open(tmp_path / "samples.png") as picture:
        assert picture.format == "PNG"
        assert np.array_equal(
            np.asarray(picture), np.asarray(draw_grid({"a": ramp()}, columns=["0", "1", "2"]))
        )
    assert [path.name for path in tmp_path.iterdir()] == ["samples.png"]


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [
        ({"a": torch.zeros(2, 4, 8, 8)}, None, r"row 'a': shape \(2, 4, 8, 8\)"),
        ({"a": torch.zeros(0, 1, 8, 8)}, None, "row 'a': shape"),
        ({"a": ramp(2), "b": ramp(3)}, None, "a: 2, b: 3"),
        ({"a": ramp(2)}, ["0"], "a: 2, column titles: 1"),
        ({}, None, "got none"),
        ({"a": torch.full((1, 1, 2, 2), float("nan"))}, None, "not finite"),
    ],
)
def test_what_is_no_grid_is_refused(
    rows: dict[str, torch.Tensor], columns: list[str] | None, message: str
):
    with pytest.raises(DataError, match=message):
        draw_grid(rows, columns)
