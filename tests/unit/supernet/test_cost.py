"""The cost formula."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gancompress.supernet import Supernet


@pytest.fixture(scope="module")
def supernet() -> Supernet:
    module = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        nn.InstanceNorm2d(16, affine=True),
        nn.ReLU(),
        nn.ConvTranspose2d(16, 32, 2, stride=2),
        nn.BatchNorm2d(32),
        nn.Conv2d(32, 3, 1),
    )
    return Supernet(module, torch.randn(2, 3, 8, 8))


def test_exact_macs_count_transposed_convolutions_at_their_input(supernet: Supernet) -> None:
    cost = supernet.cost_model.cost((8, 16))
    assert cost.macs == 64 * (9 * 3 * 8) + 64 * (4 * 8 * 16) + 256 * (16 * 3)


def test_paper_macs_count_output_positions_and_instance_norm(supernet: Supernet) -> None:
    cost = supernet.cost_model.cost((8, 16))
    assert cost.paper_macs == 64 * (9 * 3 * 8) + 64 * 8 + 256 * (4 * 8 * 16) + 256 * (16 * 3)


def test_weight_bytes_are_those_of_the_extracted_tensors(supernet: Supernet) -> None:
    small = supernet.extract((8, 16))
    tensors = [*small.parameters(), *small.buffers()]
    assert supernet.cost_model.cost((8, 16)).weight_bytes == sum(
        t.numel() * t.element_size() for t in tensors
    )


def test_activation_bytes_are_the_peak_of_what_is_alive(supernet: Supernet) -> None:
    # The transposed convolution's result (16×16×16) and its normalisation.
    assert supernet.cost_model.cost((8, 16)).activation_bytes == pytest.approx(
        4 * 2 * 16 * 256, rel=0.01
    )


def test_costs_are_for_one_sample() -> None:
    module = nn.Sequential(nn.Linear(8, 16), nn.Linear(16, 3))
    costs = {Supernet(module, torch.randn(n, 8)).cost_model.cost((16,)).macs for n in (1, 2, 5)}
    assert costs == {8 * 16 + 16 * 3}


def test_a_matrix_of_subnets_costs_what_each_costs(supernet: Supernet) -> None:
    rng = np.random.default_rng(0)
    subnets = [supernet.space.sample(rng) for _ in range(20)]
    costs = supernet.cost_model.costs(np.array(subnets))
    for name, values in costs.items():
        assert values.tolist() == [
            getattr(supernet.cost_model.cost(subnet), name) for subnet in subnets
        ]


def test_tied_groups_cost_what_their_widths_cost() -> None:
    module = nn.Sequential(nn.Linear(8, 32), nn.Linear(32, 16), nn.Linear(16, 3))
    tied = Supernet(module, torch.randn(2, 8), ties=["*"])
    assert tied.space.choices == ((16, 32),)
    assert tied.cost_model.cost((16,)).macs == 8 * 16 + 16 * 8 + 8 * 3
    assert tied.extract((16,))[1].weight.shape == (8, 16)


def test_layers_add_up_to_the_whole(supernet: Supernet) -> None:
    layers = supernet.cost_model.layers((8, 16))
    cost = supernet.cost_model.cost((8, 16))
    assert [layer.module for layer in layers] == ["0", "1", "3", "5"]
    assert sum(layer.macs for layer in layers) == cost.macs
    assert sum(layer.paper_macs for layer in layers) == cost.paper_macs


def test_a_module_without_elastic_groups_has_a_cost() -> None:
    supernet = Supernet(nn.Linear(4, 3), torch.randn(2, 4))
    assert supernet.cost_model.cost(()).macs == 12


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(4, 16), nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(x)
        out: Tensor = self.last(torch.softmax(h @ h.transpose(1, 2), -1) @ h)
        return out


def test_attention_counts_both_products() -> None:
    supernet = Supernet(Attention(), torch.randn(2, 5, 4))
    assert supernet.cost_model.cost((8,)).macs == 2 * 5 * 4 * 8 + 2 * 5 * 5 * 8
