"""`quantise`: 8-bit classifiers calibrated by real and made-up images."""

import json
from pathlib import Path

import pytest
from PIL import Image

from gancompress.cli import main
from gancompress.data.idx import open_idx
from tests.shared_files import shared

pytest.importorskip("onnxruntime")


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    """Two hundred digits in class folders."""
    images = open_idx(
        shared("data/mnist-t10k-images-idx3-ubyte.gz"),
        shared("data/mnist-t10k-labels-idx1-ubyte.gz"),
    )
    assert images.labels is not None
    folder = tmp_path / "digits"
    for row in range(200):
        label = int(images.labels[row])
        place = folder / str(label) / f"{row:04d}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(images[row][0].numpy()).save(place)
    return folder


def _arguments(digits: Path, *more: str) -> list[str]:
    classifier = f"lenet5:{shared('weights/lenet5-mnist.safetensors')}"
    size = ["--samples", "40", "--seeds", "2", "--most", "200"]
    return ["quantise", classifier, "--evaluate", str(digits), *size, *more]


def test_real_images_calibrate_better_than_a_constant(digits: Path, tmp_path: Path) -> None:
    sources = ["--calibrate", str(digits), "--calibrate", "fractals", "--calibrate", "constant"]
    output = tmp_path / "out"
    assert main(_arguments(digits, *sources, "--output", str(output))) == 0
    found = json.loads((output / "quantise.json").read_text())
    assert found["accuracy"] > 0.97
    by_source = {row["calibrated_by"]: row for row in found["rows"]}
    assert abs(by_source[str(digits)]["drop"][0]) < 2
    assert by_source["constant"]["drop"][0] > by_source[str(digits)]["drop"][0]
    assert (output / "lenet5.int8.onnx").is_file() and (output / "calibration.png").is_file()


def test_drop_that_cannot_be_held_is_said(
    digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sources = ["--calibrate", "constant", "--calibrate", str(digits)]
    more = [*sources, "--max-drop", "1", "--output", str(tmp_path / "out")]
    assert main(_arguments(digits, *more)) == 0
    rows = json.loads((tmp_path / "out" / "quantise.json").read_text())["rows"]
    assert [row["holds"] for row in rows] == [False, True]
    assert "more than asked" in capsys.readouterr().out


def test_other_classes_are_refused(
    digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (digits / "another").mkdir()
    Image.new("L", (28, 28)).save(digits / "another" / "0.png")
    more = ["--calibrate", "noise", "--output", str(tmp_path / "out")]
    assert main(_arguments(digits, *more)) == 2
    assert "11 class folders, but the classifier lenet5 knows 10" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
