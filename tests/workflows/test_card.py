"""`card`: a folder for the Hugging Face hub, and back from it."""

import json
import shutil
from pathlib import Path

import pytest
import torch

import gancompress as gc
from gancompress.assemble.students import MARK, student_file
from gancompress.cli import main
from gancompress.generators.build import build
from gancompress.run import RunDir

hub = pytest.importorskip("huggingface_hub")


@pytest.fixture(scope="module")
def folder(finished: RunDir, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `card` makes of a finished run."""
    path = tmp_path_factory.mktemp("card") / "tiny"
    about = ["--licence", "mit", "--base-model", "somebody/digits", "--place", "me/tiny"]
    assert main(["card", str(finished.path), str(path), *about]) == 0
    return path


def test_the_hub_reads_the_card(folder: Path, finished: RunDir) -> None:
    card = hub.ModelCard((folder / "README.md").read_text(encoding="utf-8"))
    assert (card.data.license, card.data.base_model) == ("mit", "somebody/digits")
    assert card.data.pipeline_tag == "unconditional-image-generation"
    report = json.loads((finished.path / "report" / "report.json").read_text())
    (result,) = card.data.eval_results
    assert result.metric_type == "fd_classifier"
    assert result.metric_value == report["networks"][-1]["scores"]["frechet"]
    assert (folder / card.data.widget[0]["output"]["url"]).is_file()


def test_every_file_that_the_card_names_is_beside_it(folder: Path) -> None:
    text = (folder / "README.md").read_text(encoding="utf-8")
    for name in ("student.onnx", "samples.png"):
        assert name in text and (folder / name).is_file()
    assert 'gc.load("hf://me/tiny")' in text


def test_no_path_of_the_machine_is_told(folder: Path, finished: RunDir) -> None:
    for name in ("README.md", "config.json"):
        text = (folder / name).read_text(encoding="utf-8")
        assert str(finished.path.parent) not in text and str(Path.home()) not in text


@pytest.mark.parametrize("place", ["folder", "hub"])
def test_the_student_comes_back(
    place: str, folder: Path, finished: RunDir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if place == "hub":
        # As a download leaves it in the hub's cache.
        monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path))
        monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
        repository = tmp_path / "models--me--tiny"
        shutil.copytree(folder, repository / "snapshots" / ("b" * 40))
        (repository / "refs").mkdir()
        (repository / "refs" / "main").write_text("b" * 40)
    path = "hf://me/tiny" if place == "hub" else str(folder)
    kept = gc.load_student(student_file(finished))
    batch = gc.example_inputs(kept.inputs, 2)
    with torch.no_grad():
        assert torch.equal(gc.load(path)(**batch), kept.module(**batch))
    assert gc.load_teacher(path).inputs == kept.inputs


def test_a_licence_that_nobody_stated_is_said_to_be_missing(run: RunDir) -> None:
    assert main(["card", str(run.path)]) == 0
    text = (run.path / "hub" / "README.md").read_text(encoding="utf-8")
    assert "license_name: not-stated" in text and "the teacher's licence applies" in text


def test_a_report_of_another_student_is_refused(
    run: RunDir, capsys: pytest.CaptureFixture[str]
) -> None:
    (run.path / "report" / MARK).write_text("stale")
    assert main(["card", str(run.path)]) == 2
    assert f"gancompress report {run.path}" in capsys.readouterr().err
    assert not (run.path / "hub").exists()


@pytest.fixture
def shrunk(tmp_path: Path) -> Path:
    """A folder as `shrink` leaves it."""
    folder = tmp_path / "small"
    folder.mkdir()
    module = build("dcgan_transposed", widths=[8, 8], z_dim=4)
    inputs = {"z": gc.Input("normal", (4,))}
    architecture = gc.Architecture("dcgan_transposed", {"widths": [8, 8], "z_dim": 4})
    gc.save_student(gc.Student(module, inputs, architecture), folder / "student.safetensors")
    (folder / "student.onnx").write_bytes(b"graph")
    cost = {"macs": 100, "params": 50, "weight_bytes": 200}
    report = {
        "subnet": "8_8",
        "teacher": {name: 8 * value for name, value in cost.items()},
        "student": cost,
        "l1": {"cut": 0.4, "fine-tuned": 0.1},
    }
    (folder / "report.json").write_text(json.dumps(report))
    return folder


def test_what_shrink_made_has_a_card_of_costs_and_distance(shrunk: Path) -> None:
    assert main(["card", str(shrunk), "--place", "me/small"]) == 0
    text = (shrunk / "hub" / "README.md").read_text(encoding="utf-8")
    card = hub.ModelCard(text)
    assert card.data.eval_results[0].metric_value == 0.1
    assert "8.0× fewer multiply-adds" in text and 'gc.load("hf://me/small")' in text
    assert (shrunk / "hub" / "student.onnx").read_bytes() == b"graph"
    assert gc.load_student(shrunk / "hub" / "model.safetensors").inputs["z"].shape == (4,)


def test_a_shrunk_folder_without_its_report_is_refused(
    shrunk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (shrunk / "report.json").unlink()
    assert main(["card", str(shrunk)]) == 2
    assert "no report.json of `gancompress shrink`" in capsys.readouterr().err
