"""Taps: what is matched with what, through supernets, and what is refused."""

import pytest
import torch
from torch import nn

from gancompress.distillation.taps import find_taps, match, shapes_inside
from gancompress.errors import RecipeError
from gancompress.metrics.tapped import tapped
from gancompress.supernet import Supernet
from tests.unit.distillation.small import Generator

BATCH = {"z": torch.randn(2, 6)}


def test_auto_taps_are_the_last_maps_of_each_resolution() -> None:
    taps = find_taps(Generator(8), Generator(12), BATCH, ("auto",))
    assert [(tap.student, tap.teacher) for tap in taps] == [("up1", "up1"), ("up2", "up2")]
    assert [str(tap) for tap in taps] == [
        "up1 (8×4×4) = up1 (12×4×4)",
        "up2 (8×8×8) = up2 (12×8×8)",
    ]


def test_a_resolution_that_comes_twice_is_matched_in_order() -> None:
    down_and_up = [("down", (8, 8)), ("middle", (4, 4)), ("up", (8, 8))]
    assert match(down_and_up, down_and_up) == [(name, name) for name, _ in down_and_up]
    assert match(down_and_up, [("x", (4, 4)), ("y", (8, 8))]) == [("middle", "x"), ("up", "y")]


def test_between_equal_resolutions_the_nearest_depth_is_matched() -> None:
    teacher = [("a", (8, 8)), ("b", (4, 4)), ("c", (8, 8))]
    assert match([("late", (16, 16)), ("last", (8, 8))], teacher) == [("last", "c")]


def test_named_taps_may_differ_in_name() -> None:
    taps = find_taps(Generator(8), Generator(8), BATCH, ("up1.1 = up1.2", "up2"))
    assert [(tap.student, tap.teacher) for tap in taps] == [("up1.1", "up1.2"), ("up2", "up2")]


def test_an_unknown_tap_is_refused_with_those_there_are() -> None:
    with pytest.raises(RecipeError, match=r"the teacher has no submodule 'up9'.*up1\.1"):
        find_taps(Generator(8), Generator(8), BATCH, ("up1=up9",))


def test_networks_without_a_common_resolution_are_refused() -> None:
    class Flat(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.only = nn.Linear(6, 3)

        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return self.only(z).view(-1, 3, 1, 1)

    with pytest.raises(RecipeError, match="no maps of one resolution"):
        find_taps(Generator(8), Flat(), BATCH, ("auto",))


def test_looking_inside_changes_nothing() -> None:
    module = Generator(8, norm=True).train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    state = torch.get_rng_state()
    shapes_inside(module, BATCH)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(child.training for child in module.modules())
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name])
    assert not module.up1._forward_hooks


def test_a_subnets_maps_are_tapped_through_the_supernet() -> None:
    supernet = Supernet(Generator(8), BATCH, divisor=4, minimum=4)
    smallest = supernet.space.smallest
    with tapped(supernet.module, ["up1", "up2"]) as maps:
        output = supernet(**BATCH, subnet=smallest)
    small = supernet.extract(smallest)
    with tapped(small, ["up1", "up2"]) as expected:
        torch.testing.assert_close(small(**BATCH), output)
    assert maps["up1"].shape[1] < 8
    for name, value in expected.items():
        torch.testing.assert_close(maps[name], value)
