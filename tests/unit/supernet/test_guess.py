"""Numbers that follow a width are found, kept right, and let go of where they do not."""

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from gancompress.batch import Input
from gancompress.student.file import Architecture, Student, load_student, save_student
from gancompress.supernet import Supernet
from tests.zoo.checks import elastic_macs
from tests.zoo.kept_numbers import KEPT, DividedHeads, OwnTuple, Synthesis

X = torch.randn(3, 16, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", KEPT)
def test_kept_numbers_leave_everything_elastic_and_exact(name: str) -> None:
    make, widths = KEPT[name]
    torch.manual_seed(0)
    supernet = Supernet(make().eval(), X, divisor=4, minimum=4)
    assert elastic_macs(supernet) >= 0.95
    assert len(supernet.space.groups) >= widths
    small, large = supernet.space.smallest, supernet.space.largest
    cost = supernet.cost_model.cost
    assert cost(small).macs < 0.3 * cost(large).macs
    for subnet in (small, supernet.space.uniform(0.5), large):
        torch.testing.assert_close(supernet.extract(subnet)(X), supernet(X, subnet=subnet))


def test_what_was_guessed_is_right_in_copies_and_in_files(tmp_path: Path) -> None:
    supernet = Supernet(OwnTuple().eval(), X)
    small = supernet.extract(supernet.space.smallest)
    assert small.shape == (8, 4, 4) and small.again == [-1, 8]
    assert supernet.module.shape == (64, 4, 4) and supernet.module.again == [-1, 64]
    expected = small(X)
    torch.save(small, tmp_path / "small.pt")
    again = torch.load(tmp_path / "small.pt", weights_only=False)
    copied = copy.deepcopy(small)
    copied.load_state_dict(small.state_dict(), strict=True)
    factory = f"{OwnTuple.__module__}:OwnTuple"
    student = Student(small, {"x": Input("normal", (16,))}, Architecture(factory))
    save_student(student, tmp_path / "small.safetensors")
    loaded = load_student(tmp_path / "small.safetensors", factory=factory).module
    for module in (again, copied, loaded):
        assert module.shape == (8, 4, 4) and module.again == [-1, 8]
        torch.testing.assert_close(module(X), expected)


def test_numbers_that_are_equal_at_full_width_follow_their_own_group() -> None:
    supernet = Supernet(Synthesis().eval(), X)
    widths = dict(zip(supernet.space.groups, (8, 16, 24), strict=True))
    small = supernet.extract(tuple(widths.values()))
    assert small.one.into == small.constant.shape[1]
    assert small.one.out == small.two.into == small.two.weight.shape[2]
    assert small.two.out == small.rgb.in_channels


def test_linked_groups_are_shown_and_keep_their_ratio() -> None:
    supernet = Supernet(DividedHeads().eval(), X)
    assert "with i" in supernet.describe()
    half = supernet.extract(supernet.space.uniform(0.5))
    assert half.i.out_features == half.qkv.out_features // 3 == 32


class Shared(nn.Module):
    """One number for two widths that meet nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.c = 32
        self.a, self.b = nn.Linear(16, 32 * 4), nn.Linear(16, 32 * 4)
        self.one, self.two = nn.Linear(32, 3), nn.Linear(32, 3)

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.a(x).view(-1, 4, self.c), self.b(x).view(-1, 4, self.c)
        out: Tensor = self.one(a) + self.two(b)
        return out


def test_groups_that_read_one_number_are_linked() -> None:
    supernet = Supernet(Shared().eval(), X)
    assert len(supernet.space.groups) == 1 and len(supernet.space.followers) == 1
    small = supernet.extract(supernet.space.smallest)
    assert small.c == small.one.in_features == small.two.in_features == 8


class Literal(nn.Module):
    """A size written into the forward pass, beside numbers that happen to equal it."""

    def __init__(self) -> None:
        super().__init__()
        self.steps, self.sizes = 32, (32, 64)
        self.a, self.b = nn.Linear(16, 32), nn.Linear(32, 64)
        self.out = nn.Linear(64, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.out(self.b(self.a(x).view(x.shape[0], 32)))
        return out


def test_a_guess_that_does_not_help_is_withdrawn() -> None:
    supernet = Supernet(Literal().eval(), X)
    assert supernet.space.groups == ("b",) and supernet.graph.guesses == ()
    assert "view(x.shape[0], 32)" in supernet.describe()
    small = supernet.extract(supernet.space.smallest)
    assert small.steps == 32 and small.sizes == (32, 64)
