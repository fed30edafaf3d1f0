"""`apply` and `generate`: a finished network on pictures and from noise."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from gancompress.batch import Input
from gancompress.cli import main
from gancompress.data.images import Reading, open_images
from gancompress.exporters.program import Job
from gancompress.generators.build import build
from gancompress.student.file import Architecture, Student, save_student
from tests.unit.data.test_video import film, frames


@pytest.fixture
def translator(tmp_path: Path) -> Path:
    """A student that translates images."""
    torch.manual_seed(0)
    architecture = Architecture("resnet", {"width": 8, "blocks": 1})
    inputs = {"image": Input("image", (3, 32, 32))}
    path = tmp_path / "translator.safetensors"
    save_student(Student(architecture.build(), inputs, architecture), path)
    return path


@pytest.fixture
def generator(tmp_path: Path) -> Path:
    """A student that makes images of two classes."""
    torch.manual_seed(0)
    kwargs = {"resolution": 16, "width": 8, "classes": 2}
    module = build("dcgan", **kwargs)
    path = tmp_path / "generator.safetensors"
    save_student(Student(module, module.inputs, Architecture("dcgan", kwargs)), path)  # type: ignore[arg-type]
    return path


def _photos(folder: Path, sizes: list[tuple[int, int]]) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number, (height, width) in enumerate(sizes):
        pixels = rng.integers(0, 255, (height, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def test_pictures_keep_their_sizes_and_names(translator: Path, tmp_path: Path) -> None:
    photos = _photos(tmp_path / "photos", [(40, 64), (37, 51)])
    assert main(["apply", str(translator), str(photos), str(tmp_path / "out")]) == 0
    assert Image.open(tmp_path / "out" / "0.png").size == (64, 40)
    assert Image.open(tmp_path / "out" / "1.png").size == (51, 37)


def test_pictures_that_are_there_are_left_alone(translator: Path, tmp_path: Path) -> None:
    photos = _photos(tmp_path / "photos", [(32, 32), (32, 32)])
    command = ["apply", str(translator), str(photos), str(tmp_path / "out")]
    assert main(command) == 0
    (tmp_path / "out" / "1.png").unlink()
    kept = (tmp_path / "out" / "0.png").stat().st_mtime_ns
    assert main(command) == 0
    assert (tmp_path / "out" / "1.png").exists()
    assert (tmp_path / "out" / "0.png").stat().st_mtime_ns == kept


def test_a_film_becomes_a_film(
    translator: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = film(tmp_path / "in.mp4", [0, 4, 8]), tmp_path / "out.mp4"
    command = ["apply", str(translator), str(source), str(out)]
    assert main([*command, "--compare"]) == 0
    assert "3 frames written" in capsys.readouterr().out
    assert [pixels.shape for _, pixels in frames(out)] == [(32, 96, 3)] * 3
    assert main(command) == 0
    assert "0 frames written, 1 film was there already" in capsys.readouterr().out
    assert main([*command[:-1], str(tmp_path / "folder")]) == 2
    assert "name an .mp4 for what is made of it" in capsys.readouterr().err


def test_comparison_shows_input_other_network_and_output(translator: Path, tmp_path: Path) -> None:
    photos = _photos(tmp_path / "photos", [(32, 48)])
    picture, out = photos / "0.png", tmp_path / "out.png"
    assert main(["apply", str(translator), str(picture), str(out), "--compare"]) == 0
    assert Image.open(out).size == (96, 32)
    options = ["--compare", str(translator), "--overwrite"]
    assert main(["apply", str(translator), str(picture), str(out), *options]) == 0
    shown = np.asarray(Image.open(out))
    assert shown.shape == (32, 144, 3)
    assert np.array_equal(shown[:, :48], np.asarray(Image.open(picture)))
    assert np.array_equal(shown[:, 48:96], shown[:, 96:])


def test_onnx_file_is_applied_as_the_student_is(translator: Path, tmp_path: Path) -> None:
    from gancompress.exporters.onnx import export_onnx
    from gancompress.student.file import load_student

    student = load_student(translator)
    export_onnx(Job(student.module, student.inputs, tmp_path / "s.onnx", dynamic_size=True))
    photos = _photos(tmp_path / "photos", [(32, 40)])
    for what, out in ((translator, "a.png"), (tmp_path / "s.onnx", "b.png")):
        assert main(["apply", str(what), str(photos / "0.png"), str(tmp_path / out)]) == 0
    a, b = (np.asarray(Image.open(tmp_path / n)).astype(int) for n in ("a.png", "b.png"))
    assert np.abs(a - b).max() <= 1


def test_names_that_lead_out_of_the_folder_are_refused(
    translator: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = _photos(tmp_path / "photos", [(32, 32)]) / "0.png"
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo(str(tmp_path / "evil.png")), photo.read_bytes())
    out = tmp_path / "a" / "b"
    assert main(["apply", str(translator), str(tmp_path / "evil.zip"), str(out)]) == 2
    assert "leads out of" in capsys.readouterr().err
    assert not (tmp_path / "evil.png").exists()


def test_generated_folder_is_a_labelled_data_set(generator: Path, tmp_path: Path) -> None:
    out = tmp_path / "images"
    assert main(["generate", str(generator), str(out), "--count", "6"]) == 0
    images = open_images(out, reading=Reading(cache=tmp_path / "cache"))
    assert images.labels is not None
    assert images.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert images.shape == (3, 16, 16)
    assert json.loads((out / "manifest.json").read_text())["seed"] == 0


def test_stopped_generation_goes_on_with_the_same_images(generator: Path, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert main(["generate", str(generator), str(whole), "--count", "6"]) == 0
    assert main(["generate", str(generator), str(parts), "--count", "3"]) == 0
    assert main(["generate", str(generator), str(parts), "--count", "6"]) == 0
    names = sorted(p.relative_to(whole) for p in whole.rglob("*.png"))
    assert names == sorted(p.relative_to(parts) for p in parts.rglob("*.png"))
    for name in names:
        a, b = (np.asarray(Image.open(f / name)).astype(int) for f in (whole, parts))
        # Batches of other sizes run through other kernels.
        assert np.abs(a - b).max() <= 1


def test_folder_of_another_seed_is_refused(
    generator: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "images")
    assert main(["generate", str(generator), out, "--count", "2"]) == 0
    assert main(["generate", str(generator), out, "--count", "2", "--seed", "1"]) == 2
    assert "another generator, seed or label" in capsys.readouterr().err


def test_tensors_and_zip_hold_the_asked_class(generator: Path, tmp_path: Path) -> None:
    out = tmp_path / "images.safetensors"
    command = ["generate", str(generator), str(out), "--count", "3", "--label", "1"]
    assert main(command) == 0
    tensors = load_file(out)
    assert tensors["images"].shape == (3, 3, 16, 16)
    assert tensors["labels"].tolist() == [1, 1, 1]
    command[2] = str(tmp_path / "images.zip")
    assert main(command) == 0
    with zipfile.ZipFile(tmp_path / "images.zip") as archive:
        assert "class_001/000002.png" in archive.namelist()


def test_unknown_class_is_refused(
    generator: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["generate", str(generator), str(tmp_path / "x"), "--label", "5"]
    assert main(command) == 2
    assert "its classes are 0 to 1" in capsys.readouterr().err


@pytest.fixture
def tagger(tmp_path: Path) -> Path:
    """A student file whose scores are the mean colours of an image."""
    architecture = Architecture("tests.workflows.test_apply:Colours")
    path = tmp_path / "tagger.safetensors"
    save_student(Student(Colours(), {"image": Input("image", (3, 16, 16))}, architecture), path)
    return path


class Colours(torch.nn.Module):
    """Scores: red, green, blue."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(3))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image.mean((2, 3)) * self.scale


def test_best_tags_of_pictures_are_named_and_written(
    tagger: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (40, 30), (0, 200, 100)).save(tmp_path / "photos" / "leaf.png")
    (tmp_path / "names.txt").write_text("red\ngreen\nblue\n")
    own = ["--factory", "tests.workflows.test_apply:Colours", "--tags", str(tmp_path / "names.txt")]
    command = ["apply", str(tagger), str(tmp_path / "photos")]
    assert main([*command, str(tmp_path / "tags.json"), "--top", "2", *own]) == 0
    (tags,) = json.loads((tmp_path / "tags.json").read_text()).values()
    assert [one["tag"] for one in tags] == ["green", "blue"]
    assert "green" in capsys.readouterr().out
    assert main([*command, str(tmp_path / "tags.csv"), *own]) == 0
    assert (tmp_path / "tags.csv").read_text().splitlines()[1].startswith("leaf.png,1,green,")
    (tmp_path / "names.txt").write_text("red\n")
    assert main([*command, str(tmp_path / "other.csv"), *own]) == 2
    assert "1 lines, but the network gives 3 scores" in capsys.readouterr().err
    assert not (tmp_path / "other.csv").exists()


def test_a_translator_has_no_tags(
    translator: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = _photos(tmp_path / "photos", [(32, 32)])
    assert main(["apply", str(translator), str(photos), str(tmp_path / "tags.csv")]) == 2
    assert "makes images, no scores" in capsys.readouterr().err
