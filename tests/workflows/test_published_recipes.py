"""Recipes of published teachers say what is missing, and record from files of the right form."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from gancompress.cli import main
from gancompress.data.images import to_float
from gancompress.data.pairs import PairStore
from gancompress.generators.build import build
from gancompress.recipe.load import load_recipe
from gancompress.teachers.from_file import from_file
from tests.unit.teachers.published import stylegan2_ada

RECIPES = Path(__file__).parents[2] / "recipes"

# What a recipe's file would hold, as small as the family allows.
TEACHERS: dict[str, tuple[str, dict[str, Any]]] = {
    "cifar10": ("stylegan2", {"channel_base": 64, "conv_clamp": None}),
    "cyclegan": ("resnet", {"width": 2, "blocks": 9}),
    "pix2pix": ("unet", {"width": 2}),
    "gaugan": ("spade", {"width": 2, "hidden": 4, "spectral": True}),
}


def write_teacher(name: str, folder: Path) -> Path:
    factory, kwargs = TEACHERS[name]
    torch.manual_seed(0)
    module: nn.Module = build(factory, **kwargs)
    if name == "cifar10":
        return stylegan2_ada(module, folder / "cifar10.pkl", conv_clamp=None)
    torch.save(module.state_dict(), folder / f"{name}.pth")
    return folder / f"{name}.pth"


def pictures(folder: Path, size: tuple[int, int], count: int, levels: int = 256) -> Path:
    """``count`` pictures of noise: RGB, or class numbers where ``levels`` are few."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(count):
        shape = (size[1], size[0], 3) if levels == 256 else (size[1], size[0])
        values = rng.integers(0, levels, shape).astype(np.uint8)
        Image.fromarray(values).save(folder / f"{number}.png")
    return folder


def horses(folder: Path) -> None:
    pictures(folder / "horse2zebra" / "trainA", (256, 256), 4)


def facades(folder: Path) -> None:
    pictures(folder / "train", (512, 256), 4)


def streets(folder: Path) -> None:
    pictures(folder / "train_label", (64, 32), 4, levels=35)
    pictures(folder / "train_inst", (64, 32), 4, levels=5)


@pytest.mark.parametrize("name", TEACHERS)
def test_missing_teacher_is_answered_with_where_to_get_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = load_recipe(RECIPES / f"{name}.yaml")
    assert main(["collect", str(RECIPES / f"{name}.yaml"), "--root", "runs"]) == 2
    said = capsys.readouterr().err
    assert f"{recipe.teacher.file}: no such file" in said
    assert "published by http" in said
    assert str(tmp_path / recipe.teacher.file) in said


@pytest.mark.parametrize("name", ["cyclegan", "pix2pix", "gaugan"])
def test_missing_data_is_answered_with_where_to_get_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = load_recipe(RECIPES / f"{name}.yaml")
    changes = [f"teacher.file={write_teacher(name, tmp_path)}"]
    assert main(["collect", str(RECIPES / f"{name}.yaml"), *changes, "--root", "runs"]) == 2
    said = capsys.readouterr().err
    assert f"{recipe.teacher.data.source}: no such file or folder" in said
    assert "published by http" in said


@pytest.mark.parametrize(
    ("name", "make_data"),
    [("cifar10", None), ("cyclegan", horses), ("pix2pix", facades), ("gaugan", streets)],
)
def test_recipe_records_its_teacher(
    name: str, make_data: Callable[[Path], None] | None, tmp_path: Path
) -> None:
    file = write_teacher(name, tmp_path)
    changes = [f"teacher.file={file}", "collect.count=2", "collect.held_out=2"]
    changes += ["search.score_samples=2", "search.finalist_samples=2", "collect.shard=4"]
    if make_data:
        make_data(tmp_path / "data")
        changes.append(f"teacher.data.source={tmp_path / 'data'}")
    settings = {"size": (64, 128)} if name == "gaugan" else {}
    if settings:  # what its tensors do not show
        changes.append("teacher.kwargs.size=[64, 128]")
    command = ["collect", str(RECIPES / f"{name}.yaml"), *changes, "--run", str(tmp_path / "run")]
    assert main(command) == 0
    pairs = PairStore(tmp_path / "run" / "pairs")
    batch, output = pairs.batch([1, 3])
    answered = from_file(file, **settings)(batch).clamp(-1, 1)
    assert (to_float(output) - answered).abs().max() <= 1.1 / 127.5


def test_label_maps_of_other_classes_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    streets(tmp_path / "data")
    changes = [f"teacher.file={write_teacher('gaugan', tmp_path)}", "teacher.data.classes=40"]
    changes += [f"teacher.data.source={tmp_path / 'data'}"]
    recipe = str(RECIPES / "gaugan.yaml")
    assert main(["collect", recipe, *changes, "--run", str(tmp_path / "run")]) == 2
    assert "label maps of 41 channels, the teacher is fed 36" in capsys.readouterr().err


def test_teacher_of_images_without_data_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = [f"teacher.file={write_teacher('cyclegan', tmp_path)}", "teacher.data.source=''"]
    recipe = str(RECIPES / "cyclegan.yaml")
    assert main(["collect", recipe, *changes, "--run", str(tmp_path / "run")]) == 2
    assert "teacher.data.source: empty, but the teacher is fed image" in capsys.readouterr().err
