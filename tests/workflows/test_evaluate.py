"""`evaluate` and `train-extractor` end to end, odd images and several processes included."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gancompress.assemble.open_generator import GeneratorFile
from gancompress.data.digits import open_digits
from gancompress.errors import DataError, MetricError
from gancompress.metrics.classifier import ClassifierOptions
from gancompress.metrics.features import NetworkExtractor
from gancompress.metrics.frechet import statistics_of
from gancompress.metrics.options import EvaluationOptions
from gancompress.metrics.provenance import Score
from gancompress.metrics.statistics_file import save_statistics
from gancompress.report.mosaic import TILE
from gancompress.run import RunDir
from gancompress.student.file import Architecture, Student, save_student
from gancompress.workflows.evaluate import Evaluation, evaluate
from gancompress.workflows.train_extractor import train_extractor
from gancompress.workflows.tsne import draw_tsne
from tests.launched import ACCELERATE, ended_well, launch
from tests.unit.metrics.networks import pictures, tiny

TINY = "tests.unit.metrics.networks:tiny"


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANCOMPRESS_CACHE", str(tmp_path / "cache"))


def _folder(path: Path, count: int, seed: int) -> Path:
    path.mkdir()
    for index, image in enumerate(pictures(count, seed)):
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(path / f"{index:03}.png")
    return path


def _evaluate(what: Path, against: Path | str, **settings: object) -> Evaluation:
    how = {"extractor": TINY, "metrics": ("frechet",), "options": EvaluationOptions(samples=30)}
    return evaluate(GeneratorFile(what), against, **{**how, **settings})  # type: ignore[arg-type]


def _student(path: Path) -> Path:
    architecture = Architecture(
        "distylegan", {"width": 16, "resolution": 16, "z_dim": 8, "channels": 1}
    )
    torch.manual_seed(0)
    module = architecture.build().eval()
    save_student(Student(module, module.inputs, architecture), path)  # type: ignore[arg-type]
    return path


def test_a_folder_against_a_folder(tmp_path: Path) -> None:
    ours, theirs = _folder(tmp_path / "ours", 20, 0), _folder(tmp_path / "theirs", 24, 1)
    found = _evaluate(ours, theirs, metrics=("frechet", "kid", "memorisation"), output=tmp_path)
    written = json.loads((tmp_path / "scores.json").read_text())
    assert [Score.from_json(entry) for entry in written] == found.scores
    assert [score.metric for score in found.scores] == ["fd_tiny", "kid_tiny", "authenticity_tiny"]
    assert "fd_tiny" in found.text and "against 24 of theirs" in found.text
    with Image.open(tmp_path / "nearest.png") as picture:
        assert picture.width > picture.height / 8


def test_both_sides_are_shown_on_one_map(tmp_path: Path) -> None:
    ours, theirs = _folder(tmp_path / "ours", 20, 0), _folder(tmp_path / "theirs", 24, 1)
    options = EvaluationOptions(samples=16)
    path = draw_tsne(
        GeneratorFile(ours), theirs, extractor=TINY, options=options, output=tmp_path / "shown"
    )
    assert path == tmp_path / "shown" / "tsne.png"
    with Image.open(path) as picture:
        assert picture.width > 2 * 6 * TILE


def test_a_student_file_and_a_run_that_holds_it_score_alike(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path / "run", version="0")
    student = _student(run.path / "student.safetensors")
    (run.path / "recipe.yaml").write_text("data: {source: digits}\n...\n")
    run.complete("search", {"student": "student.safetensors"}, ["student.safetensors"])
    extractor = tmp_path / "digits.safetensors"
    accuracy = train_extractor(
        "digits",
        extractor,
        options=ClassifierOptions(size=8, steps=100),
        channels=1,
        held_out=0.2,
        seed=0,
        progress=False,
    )
    assert accuracy > 0.85
    by_file, by_run = (
        _evaluate(
            what, "digits", extractor=str(extractor), metrics=("frechet", "accuracy", "collapse")
        ).scores
        for what in (student, run.path)
    )
    assert [score.value for score in by_file] == [score.value for score in by_run]
    assert by_file[0].metric == "fd_digits"
    assert by_file[0].reference_samples == len(open_digits(8))
    assert 0 <= by_file[1].value <= 0.4  # untrained: no better than chance


def test_a_student_beside_a_generator_is_compared_image_by_image(tmp_path: Path) -> None:
    student = _student(tmp_path / "student.safetensors")
    same = _evaluate(student, student, metrics=("frechet", "ssim", "psnr")).scores
    assert same[0].value == pytest.approx(0.0, abs=1e-9)
    assert same[2].value == float("inf")


def test_statistics_may_be_the_reference(tmp_path: Path) -> None:
    ours = _folder(tmp_path / "ours", 20, 0)
    extractor = tiny()
    assert isinstance(extractor, NetworkExtractor)
    save_statistics(statistics_of(extractor(pictures(24, 1)).features), tmp_path / "t.npz")
    by_images = _evaluate(ours, _folder(tmp_path / "theirs", 24, 1)).scores[0]
    by_statistics = _evaluate(ours, tmp_path / "t.npz").scores[0]
    assert by_statistics.value == pytest.approx(by_images.value, rel=1e-6)


@pytest.mark.parametrize("kind", ["grey", "sixteen_bit", "transparent"])
def test_odd_images_are_read_as_documented(kind: str, tmp_path: Path) -> None:
    grey = pictures(20, 0, channels=1).numpy()[:, 0]
    plain, odd = tmp_path / "plain", tmp_path / "odd"
    plain.mkdir(), odd.mkdir()
    for index, image in enumerate(grey):
        Image.fromarray(np.stack([image] * 3, 2)).save(plain / f"{index:02}.png")
        if kind == "grey":
            picture = Image.fromarray(image)
        elif kind == "sixteen_bit":
            picture = Image.fromarray(image.astype(np.uint16) * 257)
        else:
            opaque = np.full_like(image, 255)
            picture = Image.fromarray(np.stack([image] * 3 + [opaque], 2))
        picture.save(odd / f"{index:02}.png")
    assert _evaluate(odd, plain).scores[0].value == pytest.approx(0.0, abs=1e-9)


def test_images_of_mixed_size_are_refused_by_name(tmp_path: Path) -> None:
    ours = _folder(tmp_path / "ours", 4, 0)
    Image.new("RGB", (9, 7)).save(ours / "wide.png")
    with pytest.raises(DataError, match=r"wide\.png"):
        _evaluate(ours, _folder(tmp_path / "theirs", 4, 1))


def test_corrupt_images_are_refused_by_name(tmp_path: Path) -> None:
    ours = _folder(tmp_path / "ours", 4, 0)
    (ours / "broken.png").write_bytes((ours / "000.png").read_bytes()[:40])
    with pytest.raises(DataError, match=r"broken\.png"):
        _evaluate(ours, _folder(tmp_path / "theirs", 4, 1))


def test_empty_folders_single_images_and_wrong_files_are_refused(tmp_path: Path) -> None:
    theirs = _folder(tmp_path / "theirs", 4, 1)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no image files"):
        _evaluate(tmp_path / "empty", theirs)
    with pytest.raises(MetricError, match="one image"):
        _evaluate(_folder(tmp_path / "single", 1, 0), theirs)


def test_images_without_labels_train_no_extractor(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no labels"):
        train_extractor(
            _folder(tmp_path / "bare", 4, 0),
            tmp_path / "x.safetensors",
            options=ClassifierOptions(size=8, steps=1),
            channels=3,
            held_out=0.5,
            seed=0,
            progress=False,
        )


_SHARED_WORK = """
import sys
from pathlib import Path
import torch
from gancompress.assemble.open_generator import GeneratorFile
from gancompress.metrics.options import EvaluationOptions
from gancompress.workflows.evaluate import evaluate

what, extractor, output = sys.argv[1:]
for batch_size in (7, 64):  # 64: one batch, so that the second process has none
    evaluate(
        GeneratorFile(Path(what)), "digits", extractor=extractor,
        metrics=("frechet", "kid", "accuracy"),
        options=EvaluationOptions(samples=50, batch_size=batch_size),
        output=Path(output, str(batch_size)),
    )
assert torch.distributed.get_world_size() == 2
"""


def test_two_processes_give_the_values_of_one(tmp_path: Path) -> None:
    script = tmp_path / "work.py"
    script.write_text(_SHARED_WORK)
    student = _student(tmp_path / "student.safetensors")
    extractor = tmp_path / "digits.safetensors"
    train_extractor(
        "digits",
        extractor,
        options=ClassifierOptions(size=8, steps=2),
        channels=1,
        held_out=0.2,
        seed=0,
        progress=False,
    )
    ended_well(launch(ACCELERATE, 2, script, student, extractor, tmp_path))
    for batch_size in (7, 64):
        shared = json.loads((tmp_path / str(batch_size) / "scores.json").read_text())
        alone = _evaluate(
            student,
            "digits",
            extractor=str(extractor),
            metrics=("frechet", "kid", "accuracy"),
            options=EvaluationOptions(samples=50, batch_size=batch_size),
        ).scores
        for one, other in zip(alone, shared, strict=True):
            assert other["value"] == pytest.approx(one.value, rel=1e-9)
