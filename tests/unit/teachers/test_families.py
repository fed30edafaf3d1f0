"""The table of families, and what packages add to it."""

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from gancompress.batch import Input
from gancompress.errors import TeacherError
from gancompress.generators.build import BUILT_IN
from gancompress.teachers import families as table
from gancompress.teachers.family import Arguments, Family, Shapes
from gancompress.teachers.from_file import from_file, read_network


class Painter(nn.Module):
    def __init__(self, width: int = 3) -> None:
        super().__init__()
        self.brush = nn.Linear(4, width)
        self.inputs = {"z": Input("normal", (4,))}

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.brush(z)[:, :, None, None]


def read_painter(shapes: Shapes) -> Arguments:
    return {"width": shapes["brush.weight"][0]}


PAINTER = Family(f"{__name__}:Painter", read_painter, output_range=(0.0, 1.0))


def install(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    point = EntryPoint(name, value, table.GROUP)
    monkeypatch.setattr(table, "entry_points", lambda group: [point])
    table.families.cache_clear()


@pytest.fixture(autouse=True)
def _forget() -> Any:
    yield
    table.families.cache_clear()


def test_every_family_builds_a_built_in_network() -> None:
    assert {family.factory for family in table.FAMILIES.values()} <= BUILT_IN.keys()


def test_every_family_says_who_publishes_it_and_what_proves_it() -> None:
    assert all(family.publisher and family.proof for family in table.FAMILIES.values())


def test_family_of_another_package_is_recognised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, "painter", f"{__name__}:PAINTER")
    module = Painter(5)
    torch.save({"net": module.state_dict()}, tmp_path / "painter.pth")
    found = read_network(tmp_path / "painter.pth")
    assert (found.family, found.kwargs) == ("painter", {"width": 5})
    z = torch.randn(2, 4)
    assert torch.equal(from_file(tmp_path / "painter.pth")({"z": z}), 2 * module(z) - 1)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("painter", f"{__name__}:MISSING", "cannot be loaded"),
        ("painter", f"{__name__}:Painter", "is type, not a Family"),
        ("resnet", f"{__name__}:PAINTER", "there is a family of that name"),
    ],
)
def test_broken_entry_point_is_named(
    name: str, value: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, name, value)
    torch.save(Painter().state_dict(), tmp_path / "painter.pth")
    with pytest.raises(TeacherError, match=rf"entry point {name} .*{message}"):
        from_file(tmp_path / "painter.pth")


def test_every_family_stands_in_the_documentation() -> None:
    page = (Path(__file__).parents[3] / "docs" / "teachers.md").read_text(encoding="utf-8")
    assert [name for name in table.FAMILIES if f"| `{name}` |" not in page] == []
