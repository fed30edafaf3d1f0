"""Channels in order of importance: the function stays, the leading channels matter most."""

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gancompress.supernet import Supernet
from gancompress.supernet.importance import sort_channels, taylor_scores, weight_scores


class Generator(nn.Module):
    """Where permuting is not plain: GLU halves, a flattened map, depthwise, a residual trunk."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.linear = nn.Linear(6, width * 4)
        self.glu = nn.Conv2d(width, 2 * width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width)
        self.depthwise = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.mix = nn.Conv2d(width, width, 1)
        self.out = nn.Conv2d(width, 3, 1)

    def forward(self, z: Tensor) -> Tensor:
        h = self.linear(z).view(z.shape[0], -1, 2, 2)
        h = self.norm(nn.functional.glu(self.glu(h), dim=1))
        h = h + self.mix(torch.relu(self.depthwise(h)))
        return self.out(h)


@pytest.fixture
def supernet() -> Supernet:
    torch.manual_seed(0)
    module = Generator()
    for _ in range(3):
        module(torch.randn(8, 6))  # running statistics that differ by channel
    return Supernet(module.eval(), {"z": torch.randn(2, 6)}, divisor=4, minimum=4)


def test_sorting_leaves_the_function_unchanged(supernet: Supernet) -> None:
    z = torch.randn(5, 6)
    before = supernet(z=z)
    state = copy.deepcopy(supernet.module.state_dict())
    sort_channels(supernet, weight_scores(supernet))
    torch.testing.assert_close(supernet(z=z), before, rtol=1e-5, atol=1e-6)
    assert not torch.equal(supernet.module.glu.weight, state["glu.weight"])


def test_sorted_channels_have_descending_scores(supernet: Supernet) -> None:
    scores = weight_scores(supernet)
    assert scores.keys() == set(supernet.space.groups)
    sort_channels(supernet, scores)
    for values in weight_scores(supernet).values():
        assert np.all(np.diff(values) <= 1e-12)


def test_parameters_stay_the_same_objects(supernet: Supernet) -> None:
    before = {name: id(p) for name, p in supernet.module.named_parameters()}
    sort_channels(supernet, weight_scores(supernet))
    assert {name: id(p) for name, p in supernet.module.named_parameters()} == before


def test_channels_that_do_nothing_come_last() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 16, 3), nn.Conv2d(16, 3, 3))
    useful = [1, 4, 6, 15]
    dead = [c for c in range(16) if c not in useful]
    with torch.no_grad():
        module[0].weight[dead] = 0
        module[0].bias[dead] = 0
        module[1].weight[:, dead] = 0
    x = torch.randn(2, 3, 8, 8)
    supernet = Supernet(module, x, divisor=4, minimum=4)
    expected = supernet(x)
    sort_channels(supernet, weight_scores(supernet))
    torch.testing.assert_close(supernet(x, subnet=(4,)), expected)


def test_every_tensor_has_one_vote() -> None:
    module = nn.Sequential(nn.Conv2d(3, 8, 1, bias=False), nn.Conv2d(8, 3, 1, bias=False))
    supernet = Supernet(module, torch.randn(2, 3, 4, 4), divisor=4, minimum=4)
    before = next(iter(weight_scores(supernet).values()))
    with torch.no_grad():
        module[0].weight *= 1000
    after = next(iter(weight_scores(supernet).values()))
    np.testing.assert_allclose(after, before, rtol=1e-5)


def test_taylor_score_is_the_squared_change_of_the_output() -> None:
    # For a linear network the first order is exact: remove a channel and look.
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(6, 8, bias=False), nn.Linear(8, 5, bias=False))
    supernet = Supernet(module, torch.randn(2, 6), divisor=4, minimum=4)
    x = torch.randn(64, 6)
    changes = []
    for channel in range(8):
        cut = copy.deepcopy(module)
        with torch.no_grad():
            cut[0].weight[channel] = 0
            changes.append(float((module(x) - cut(x)).square().sum()))
    batches = [{"input": x}] * 400
    scores = next(iter(taylor_scores(supernet, batches, seed=0).values())) / 400
    np.testing.assert_allclose(scores, changes, rtol=0.35)


def test_taylor_score_sees_what_weights_do_not() -> None:
    # Large weights behind a closed gate do nothing.
    module = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    with torch.no_grad():
        module[0].weight[:4] *= 10
        module[0].bias[:4] = -1000
    supernet = Supernet(module, torch.randn(2, 4), divisor=4, minimum=4)
    group = supernet.space.groups[0]
    assert set(np.argsort(-weight_scores(supernet)[group])[:4]) == {0, 1, 2, 3}
    scores = taylor_scores(supernet, [{"input": torch.randn(32, 4)}], seed=0)[group]
    assert set(np.argsort(-scores)[:4]) == {4, 5, 6, 7}


def test_taylor_score_is_repeatable_and_leaves_no_gradients(supernet: Supernet) -> None:
    batches = [{"z": torch.randn(4, 6)}]
    once, again = (taylor_scores(supernet, batches, seed=1) for _ in range(2))
    for group in once:
        np.testing.assert_array_equal(once[group], again[group])
    assert all(p.grad is None for p in supernet.module.parameters())


def test_sorting_by_taylor_scores_leaves_the_function_unchanged(supernet: Supernet) -> None:
    z = torch.randn(5, 6)
    before = supernet(z=z)
    sort_channels(supernet, taylor_scores(supernet, [{"z": z}], seed=0))
    torch.testing.assert_close(supernet(z=z), before, rtol=1e-5, atol=1e-6)
