"""BatchNorm statistics of a subnet, measured without touching those of the supernet."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancompress.errors import DataError
from gancompress.supernet import Supernet
from gancompress.supernet.calibrate import calibrate, calibrated
from tests.zoo.biggan import BigGAN

Batches = list[dict[str, Tensor]]


def generator() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Conv2d(16, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.Conv2d(16, 3, 1),
    ).eval()


def batches(*sizes: int) -> Batches:
    torch.manual_seed(1)
    return [{"input": 2 + torch.randn(size, 3, 8, 8)} for size in sizes]


def test_statistics_are_the_cumulative_average_of_training_mode() -> None:
    module = generator()
    module[3].p = 0.0
    oracle = copy.deepcopy(module).train()
    for child in (oracle[1], oracle[5]):
        child.momentum = None
        child.reset_running_stats()
    data = batches(4, 4, 4)
    calibrate(module, data)
    for batch in data:
        oracle(**batch)
    for index in (1, 5):
        torch.testing.assert_close(module[index].running_mean, oracle[index].running_mean)
        torch.testing.assert_close(module[index].running_var, oracle[index].running_var)


def test_batches_count_by_their_size() -> None:
    module = nn.Sequential(nn.BatchNorm2d(3))
    small, large = batches(2, 6)
    calibrate(module, [small, large])
    everything = torch.cat([small["input"], large["input"]])
    torch.testing.assert_close(module[0].running_mean, everything.mean((0, 2, 3)))


def test_one_batch_makes_evaluation_equal_to_training() -> None:
    module, (batch,) = generator(), batches(16)
    calibrate(module, [batch])
    module[3].p = 0.0
    expected = copy.deepcopy(module).train()(**batch)
    torch.testing.assert_close(module(**batch), expected, rtol=1e-2, atol=1e-3)


def test_training_modes_and_everything_but_the_statistics_are_kept() -> None:
    module = generator()
    module[3].train()
    before = copy.deepcopy(module.state_dict())
    calibrate(module, batches(4))
    assert [m.training for m in module] == [False] * 3 + [True] + [False] * 3
    changed = {n for n, t in module.state_dict().items() if not torch.equal(t, before[n])}
    assert changed == {"1.running_mean", "1.running_var", "5.running_mean", "5.running_var"}


def test_subnet_gets_statistics_of_its_own_and_the_supernet_keeps_its() -> None:
    module, data = generator(), batches(16)
    supernet = Supernet(module, data[0]["input"])
    before = copy.deepcopy(module.state_dict())
    small = calibrated(supernet, supernet.space.smallest, data)
    assert all(torch.equal(t, before[n]) for n, t in module.state_dict().items())
    features = small[:1](**data[0])
    torch.testing.assert_close(small[1].running_mean, features.mean((0, 2, 3)))
    assert small[5].running_mean.shape == (8,)
    assert not small.training


def test_batch_norm_by_function_is_calibrated() -> None:
    torch.manual_seed(0)
    module = BigGAN(width=8).eval()
    batch = {"z": torch.randn(8, 80), "c": torch.eye(10)[torch.arange(8)]}
    spectral = module.linear.parametrizations.weight[0]._u.clone()
    calibrate(module, [batch])
    h = module.linear(batch["z"][:, :20]).view(8, -1, 4, 4)
    torch.testing.assert_close(module.blocks[0].bn1.stored_mean, h.mean((0, 2, 3)))
    assert torch.equal(module.linear.parametrizations.weight[0]._u, spectral)


def test_batch_norm_used_twice_averages_both_uses() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm1d(2)

        def forward(self, x: Tensor) -> Tensor:
            return self.norm(F.relu(self.norm(x)))

    module, x = Twice(), torch.randn(32, 2)
    calibrate(module, [{"x": x}])
    inner = F.relu(F.batch_norm(x, None, None, training=True))
    torch.testing.assert_close(module.norm.running_mean, (x.mean(0) + inner.mean(0)) / 2)


def test_module_without_statistics_runs_one_batch() -> None:
    class Counting(nn.Module):
        runs = 0

        def forward(self, input: Tensor) -> Tensor:
            self.runs += 1
            return F.instance_norm(input)

    module = Counting()
    calibrate(module, batches(2, 2, 2))
    assert module.runs == 1


def test_single_values_are_refused() -> None:
    module = nn.BatchNorm1d(4)
    with pytest.raises(DataError, match="two or more"):
        calibrate(module, [{"input": torch.randn(1, 4)}])
