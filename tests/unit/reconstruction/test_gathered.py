"""Weights of any subnet from Gram matrices that were gathered once."""

import pytest
import torch
from torch import nn

from gancompress.errors import DataError
from gancompress.reconstruction import Gathered, gather
from gancompress.supernet import Supernet
from tests.unit.reconstruction.test_reconstruct import distance, images, residual


@pytest.fixture(scope="module")
def gathered() -> Gathered:
    supernet, batches = residual()
    return gather(supernet, batches)


def test_full_width_is_the_teacher(gathered: Gathered) -> None:
    supernet, given = gathered.supernet, images()
    made = gathered.module(supernet.space.largest).eval()
    scale = float(supernet.module(given).detach().abs().max())
    assert distance(made, supernet.module, given) <= 1e-5 * scale
    assert gathered.error(supernet.space.largest) < 1e-6


def test_one_shot_is_nearer_than_cut(gathered: Gathered) -> None:
    supernet, unseen = gathered.supernet, images(16)[12:]
    subnet = supernet.space.uniform(0.5)
    cut = distance(supernet.extract(subnet).eval(), supernet.module, unseen)
    assert distance(gathered.module(subnet).eval(), supernet.module, unseen) < 0.9 * cut


def test_error_grows_as_widths_shrink(gathered: Gathered) -> None:
    space = gathered.supernet.space
    errors = [gathered.error(space.uniform(ratio)) for ratio in (1.0, 0.75, 0.5)]
    assert errors == sorted(errors)


def test_weights_solve_the_parts_of_the_matrix() -> None:
    torch.manual_seed(0)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(6, 32), nn.Linear(32, 3)

        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return self.last(torch.relu(self.first(z)))  # type: ignore[no-any-return]

    net, z = Net().double(), torch.randn(500, 6, dtype=torch.double)
    supernet = Supernet(net, {"z": z[:2]})
    weights = gather(supernet, [{"z": z}]).weights((16,), ridge=1e-6)
    hidden = torch.relu(net.first(z))[:, :16]
    columns = torch.cat([hidden, torch.ones(500, 1)], 1)
    expected = torch.linalg.lstsq(columns, net(z)).solution
    torch.testing.assert_close(weights["last.weight"], expected[:-1].T, rtol=0.05, atol=0.01)


def test_without_batches_it_is_refused() -> None:
    with pytest.raises(DataError, match="no batches"):
        gather(residual()[0], [])
