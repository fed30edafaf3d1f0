"""Branches that a whole way drops: from the search to the file."""

import re
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

import gancompress as gc
from gancompress.cli import main
from gancompress.generators.build import build
from tests.rounding import same_but_for_rounding
from tests.zoo.branches import Nested, Parts, Stack, Whole

PHOTOS = torch.rand(24, 3, 12, 12, generator=torch.Generator().manual_seed(0)) * 2 - 1
SPEC = {"image": gc.Input("image", (3, 12, 12))}


def network() -> nn.Module:
    torch.manual_seed(0)
    return Stack(Whole, Parts, Nested, Parts, Whole)


def test_a_budget_below_all_widths_is_kept_by_dropping_branches() -> None:
    supernet = gc.Supernet(network(), {"image": PHOTOS[:2]}, depth=True)
    narrow = gc.Subnet(max(widths[0], 1) for widths in supernet.space.choices)
    budget = supernet.cost_model.cost(narrow).macs * 0.6
    expected = supernet.module.requires_grad_(False)(PHOTOS)
    found = gc.search(
        supernet,
        lambda module: float((module(image=PHOTOS) - expected).abs().mean()),
        trials=12,
        mac_budget=budget,
        settings=gc.SearchSettings(progress=False),
    ).best()
    dropped = [
        name for name, width in zip(supernet.space.groups, found.subnet, strict=True) if width == 0
    ]
    assert dropped
    assert found.costs["macs"] <= budget


@pytest.mark.parametrize("budget", ["1/2", "1/12"])
def test_compress_makes_a_student_of_fewer_branches(tmp_path: Path, budget: str) -> None:
    options = gc.CompressOptions(count=16, steps=2, trials=4, depth=True, formats=(".onnx",))
    teacher = gc.Teacher(network().eval(), SPEC, data=PHOTOS)
    made = gc.compress(teacher, mac_budget=budget, run=tmp_path, options=options)
    loaded = gc.load(tmp_path / "student.safetensors", network)
    torch.testing.assert_close(loaded.state_dict(), made.student.state_dict(), rtol=0, atol=0)
    assert same_but_for_rounding(loaded(PHOTOS), made.student(PHOTOS))


def test_a_recipe_may_drop_branches(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for number, pixels in enumerate((PHOTOS[:8] * 127.5 + 127.5).byte()):
        Image.fromarray(pixels.permute(1, 2, 0).numpy()).resize((24, 24)).save(
            photos / f"{number}.png"
        )
    changes = [
        "teacher.factory=resnet",
        "teacher.kwargs={width: 8, blocks: 4, resolution: 16}",
        f"teacher.data.source={photos}",
        f"teacher.weights={tmp_path / 'resnet.safetensors'}",
        "student.depth=true",
        # The narrowest widths with all branches cost 771K.
        "search.mac_budget=750K",
        "export.formats=[]",
    ]
    torch.manual_seed(0)
    teacher = build("resnet", width=8, blocks=4, resolution=16)
    save_file(teacher.state_dict(), tmp_path / "resnet.safetensors")
    recipe, run = Path(__file__).with_name("painter.yaml"), tmp_path / "run"
    assert main(["run", str(recipe), *changes, "--run", str(run)]) == 0
    told = (run / "report" / "report.txt").read_text()
    assert re.search(r"It does without [1-4] of 4 residual branches: module\.model\.1\d", told)
    student = gc.load_student(run / "student.safetensors")
    assert any("Skip" in type(child).__name__ for child in student.module.modules())
