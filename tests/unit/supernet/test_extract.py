"""Extracted modules: smaller, independent, equal."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from gancompress.batch import Input
from gancompress.errors import ParityError
from gancompress.student.file import Architecture, Student, load_student, save_student
from gancompress.supernet import Supernet


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 16, 3),
        nn.BatchNorm2d(16),
        nn.Conv2d(16, 16, 3, groups=16),
        nn.GroupNorm(4, 16),
        nn.ConvTranspose2d(16, 24, 3),
        nn.Conv2d(24, 3, 1),
    )


def test_attributes_follow_the_tensors() -> None:
    supernet = Supernet(network(), torch.randn(2, 3, 8, 8))
    small = supernet.extract((8, 16))
    assert [small[0].out_channels, small[1].num_features, small[2].groups] == [8, 8, 8]
    assert [small[3].num_groups, small[3].num_channels] == [2, 8]
    assert [small[4].in_channels, small[4].out_channels, small[5].in_channels] == [8, 16, 16]
    assert type(small) is nn.Sequential and type(small[4]) is nn.ConvTranspose2d


def test_an_extracted_module_is_independent() -> None:
    x = torch.randn(2, 3, 8, 8)
    supernet = Supernet(network(), x).eval()
    small = supernet.extract(supernet.space.smallest).eval()
    before = small(x)
    with torch.no_grad():
        for parameter in supernet.parameters():
            parameter.zero_()
    assert torch.equal(small(x), before)
    kept = {p.untyped_storage().data_ptr() for p in supernet.parameters()}
    assert all(p.untyped_storage().data_ptr() not in kept for p in small.parameters())
    assert sum(p.untyped_storage().nbytes() for p in small.parameters()) == 4 * sum(
        p.numel() for p in small.parameters()
    )


def test_full_width_extraction_is_the_module() -> None:
    x = torch.randn(2, 3, 8, 8)
    supernet = Supernet(network(), x).eval()
    small = supernet.extract(supernet.space.largest).eval()
    assert torch.equal(small(x), supernet.module(x))


def test_extraction_keeps_modes_and_frozen_parameters() -> None:
    module = network()
    module[0].weight.requires_grad_(False)
    supernet = Supernet(module, torch.randn(2, 3, 8, 8)).train()
    module[1].eval()
    small = supernet.extract(supernet.space.smallest)
    assert [small[0].training, small[1].training] == [True, False]
    assert [module[0].training, module[1].training] == [True, False]
    assert [small[0].weight.requires_grad, small[0].bias.requires_grad] == [False, True]


class Remembering(nn.Module):
    """Adds how often any of its kind has run: not a function of its tensors."""

    calls = 0

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(4, 16), nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        Remembering.calls += 1
        out: Tensor = self.last(self.first(x)) + Remembering.calls
        return out


def test_an_extracted_module_that_differs_is_refused_with_numbers() -> None:
    x = torch.randn(2, 4)
    supernet = Supernet(Remembering(), x)
    with pytest.raises(ParityError, match=r"subnet 8: output 0 .* differs .* by 1 \(largest"):
        supernet.extract((8,))


class Spare(nn.Module):
    """A layer that no forward pass uses."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.spare = nn.Linear(4, 32), nn.Linear(32, 3), nn.Linear(100, 100)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.b(self.a(x))
        return out


def test_unused_parameters_do_not_count_and_are_dropped_on_request(tmp_path: Path) -> None:
    supernet = Supernet(Spare().eval(), torch.randn(2, 4))
    assert supernet.cost_model.cost(supernet.space.largest).params == 32 * 5 + 3 * 33
    small = supernet.extract(supernet.space.smallest, drop_unused=True)
    assert small.spare.weight is None and small.spare.bias is None
    assert supernet.extract(supernet.space.smallest).spare.weight.shape == (100, 100)
    factory = f"{Spare.__module__}:Spare"
    student = Student(small, {"x": Input("normal", (4,))}, Architecture(factory))
    save_student(student, tmp_path / "small.safetensors")
    loaded = load_student(tmp_path / "small.safetensors", factory=factory).module
    assert loaded.spare.weight is None
    x = torch.randn(5, 4)
    torch.testing.assert_close(loaded(x), small(x))
