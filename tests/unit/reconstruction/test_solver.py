"""Weights of many subnets to compare: never worse than the cut ones, and never out of bounds."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from gancompress.generators.build import build
from gancompress.reconstruction import reconstruct
from gancompress.reconstruction.solver import Solver, order_channels
from gancompress.supernet import Supernet
from tests.unit.reconstruction.test_reconstruct import distance


class Deep(nn.Module):
    """Many dense layers without norms, in which errors grow."""

    def __init__(self) -> None:
        super().__init__()
        sizes = [8, *[64] * 8]
        self.layers = nn.ModuleList([nn.Linear(a, 64) for a in sizes])
        self.last = nn.Linear(64, 3)

    def forward(self, z: Tensor) -> Tensor:
        h = z
        for number, layer in enumerate(self.layers):
            new = 3 * torch.relu(layer(h))
            h = new if number == 0 else h + new
        return self.last(h)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def deep() -> Solver:
    """Solved on far fewer inputs than a layer has unknowns."""
    torch.manual_seed(0)
    z = torch.randn(24, 8)
    supernet = Supernet(Deep().eval(), {"z": z[:2]})
    return Solver.of(supernet, [{"z": part} for part in z.split(12)], seed=0)


def test_the_ridge_is_the_one_whose_output_is_nearest(deep: Solver) -> None:
    supernet, unseen = deep.gathered.supernet, torch.randn(64, 8)
    middle = supernet.space.uniform(0.5)
    least = deep.gathered.module(middle, ridge=1e-8).eval()
    assert distance(deep.one_shot(middle), supernet.module, unseen) < 0.7 * distance(
        least, supernet.module, unseen
    )


def test_weights_that_run_away_give_way_to_the_cut_ones(deep: Solver) -> None:
    supernet = deep.gathered.supernet
    subnet = supernet.space.smallest
    cut = supernet.extract(subnet).eval()
    broken = {
        key: replace(known, product=torch.full_like(known.product, torch.inf))
        for key, known in deep.gathered.statistics.items()
    }
    gathered = copy.copy(deep.gathered)
    gathered.statistics = broken
    found = replace(deep, gathered=gathered).one_shot(subnet)
    for name, value in found.state_dict().items():
        assert torch.equal(value, cut.state_dict()[name])


def test_one_shot_is_never_farther_than_cut(deep: Solver) -> None:
    supernet, (batch, target) = deep.gathered.supernet, deep.judged
    for ratio in (0.25, 0.5, 0.75):
        subnet = supernet.space.uniform(ratio)
        cut = (supernet.extract(subnet).eval()(**batch) - target).abs().mean()
        assert (deep.one_shot(subnet)(**batch) - target).abs().mean() <= cut


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_solves_as_the_processor_does() -> None:
    torch.manual_seed(0)
    z, net = torch.randn(256, 8), Deep().eval()
    made = []
    for device in ("cpu", "cuda"):
        supernet = Supernet(copy.deepcopy(net).to(device), {"z": z[:2].to(device)})
        batches = [{"z": part.to(device)} for part in z.split(64)]
        solver = Solver.of(supernet, batches, seed=0)
        subnet = supernet.space.uniform(0.5)
        made += [solver.one_shot(subnet).cpu(), reconstruct(supernet, subnet, batches).cpu()]
    with torch.no_grad():
        for ours, theirs in zip(made[:2], made[2:], strict=True):
            torch.testing.assert_close(ours(z), theirs(z), rtol=0.01, atol=0.01)


def test_one_shot_keeps_the_teachers_statistics() -> None:
    torch.manual_seed(0)
    module = build("dcgan", z_dim=8, width=16, resolution=16, channels=1).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(4 if parameter.dim() == 4 else 1)
    z = torch.randn(192, 8)
    supernet = Supernet(module, {"z": z[:2]})
    batches = [{"z": part} for part in z[:128].split(64)]
    order_channels(supernet, batches)
    solver, unseen = Solver.of(supernet, batches, seed=0), z[128:]
    subnet = supernet.space.uniform(0.5)
    cut = distance(supernet.extract(subnet).eval(), module, unseen)
    assert distance(solver.one_shot(subnet), module, unseen) < 0.95 * cut


def test_the_nearest_weights_are_kept(deep: Solver) -> None:
    subnet, (batch, target) = deep.gathered.supernet.space.uniform(0.5), deep.judged

    def far(module: nn.Module) -> float:
        """A judge to whom the larger output is the nearer."""
        return -float(module(**batch).detach().abs().sum())

    def near(module: nn.Module) -> float:
        return float((module(**batch) - target).detach().abs().mean())

    for judge in (far, near):
        (found,) = deep.nearest([subnet], judge)
        assert judge(found.module) == found.distance == min(found.cut, found.one_shot, found.solved)
