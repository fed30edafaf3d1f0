"""Branches that a whole way drops: from the search to the file."""

from pathlib import Path

import pytest
import torch
from torch import nn

import gancompress as gc
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
    expected = supernet.module(PHOTOS).detach()
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
    assert torch.equal(loaded(PHOTOS), made.student(PHOTOS))
