"""`init` on generators that know nothing of the project: a recipe that runs without an edit."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import save_file
from torch import nn

import gancompress
from gancompress.cli import main
from tests.zoo import strangers

FACTORY = "tests/zoo/strangers.py"

# Each with the kind of its teacher, and what has to be found out about it.
FOUND = {
    "LabelGAN": {
        "inputs": {
            "latent": {"kind": "normal", "shape": [16]},
            "label": {"kind": "label", "classes": 4},
        },
        "output": "sample",
    },
    "Recolour": {
        "inputs": {"photo": {"kind": "image", "shape": [3, 16, 16], "low": 0.0, "high": 1.0}},
        "output": "0",
        "output_range": [0.0, 1.0],
    },
    "Painter": {"inputs": {"segmentation": {"kind": "label_map", "shape": [5, 16, 16]}}},
    "Scorer": {"inputs": {"pixels": {"kind": "image", "shape": [3, 16, 16]}}},
}


def pictures(folder: Path, name: str) -> Path:
    """Images or, for a painter, label maps."""
    rng = np.random.default_rng(0)
    for number in range(20):
        if name == "Painter":
            pixels = rng.integers(0, 5, (16, 16), dtype=np.uint8)
            place = folder / "maps"
        else:
            pixels = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
            place = folder / "photos"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place / f"{number}.png")
    return folder


def arguments(name: str, folder: Path) -> list[str]:
    torch.manual_seed(0)
    module: nn.Module = getattr(strangers, name)()
    save_file(module.state_dict(), folder / "weights.safetensors")
    given = [f"{FACTORY}:{name}", "--weights", str(folder / "weights.safetensors")]
    data = [] if name == "LabelGAN" else ["--data", str(pictures(folder / "data", name))]
    return [*given, *data, "--output", str(folder / "recipe.yaml"), "--mac-budget", "1/2"]


@pytest.mark.parametrize("name", FOUND)
def test_a_stranger_ends_in_a_student_without_an_edit(name: str, tmp_path: Path) -> None:
    assert main(["init", *arguments(name, tmp_path), "--hours", "1e-6"]) == 0
    recipe = tmp_path / "recipe.yaml"
    teacher = yaml.safe_load(recipe.read_text())["teacher"]
    assert {key: teacher[key] for key in FOUND[name]} == FOUND[name]
    run = tmp_path / "run"
    assert main(["run", str(recipe), "--run", str(run)]) == 0
    student = gancompress.load_student(run / "student.safetensors", factory=f"{FACTORY}:{name}")
    whole = sum(p.numel() for p in getattr(strangers, name)().parameters())
    assert sum(p.numel() for p in student.module.parameters()) < whole


def test_a_supernet_is_trained_where_it_is_asked_for(tmp_path: Path) -> None:
    given = arguments("LabelGAN", tmp_path)
    assert main(["init", *given, "--hours", "1e-6"]) == 0
    solved = yaml.safe_load((tmp_path / "recipe.yaml").read_text())
    assert "distill" not in solved and solved["reconstruct"]["samples"] > 0
    (tmp_path / "recipe.yaml").unlink()
    assert main(["init", *given, "--hours", "1e-6", "--distill"]) == 0
    trained = yaml.safe_load((tmp_path / "recipe.yaml").read_text())
    assert "reconstruct" not in trained and trained["distill"]["steps"] > 0


def test_what_was_assumed_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", *arguments("Recolour", tmp_path), "--hours", "1e-6"]) == 0
    said = capsys.readouterr().out
    assert "photo is image [3, 16, 16]" in said
    assert "of several tensors that it returns, 0 is the answer (1: not)" in said
    assert "black and white of its images are 0 and 1" in said


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "recipe.yaml").write_text("name: mine\n")
    assert main(["init", *arguments("LabelGAN", tmp_path)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert (tmp_path / "recipe.yaml").read_text() == "name: mine\n"


def test_a_generator_of_noise_without_weights_is_taught_on_the_images(tmp_path: Path) -> None:
    data = pictures(tmp_path / "data", "any")
    (data / "photos").rename(data / "0")
    for number in (1, 2, 3):
        (data / str(number)).mkdir()
        for file in list((data / "0").iterdir())[:5]:
            file.rename(data / str(number) / file.name)
    recipe = tmp_path / "taught.yaml"
    command = ["init", "dcgan", "z_dim=8", "classes=4", "width=8", "resolution=16"]
    assert main([*command, "--data", str(data), "--output", str(recipe), "--hours", "1e-6"]) == 0
    written = yaml.safe_load(recipe.read_text())
    assert written["teach"]["objective"] == "adversarial"
    assert main(["check", str(recipe), "--no-time", "--root", str(tmp_path)]) == 0


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["dcgan"], "--weights: missing; dcgan draws its weights"),
        (["dcgan", "--data", "nowhere"], "nowhere: no such file or folder"),
        ([f"{FACTORY}:Painter", "--weights", "none.pth"], "none.pth: no such file"),
        (["resnet", "--input", "image=[3"], "not valid YAML"),
    ],
)
def test_what_is_missing_is_one_message(
    given: list[str], expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", *given, "--output", str(tmp_path / "r.yaml")]) == 2
    assert expected in capsys.readouterr().err
