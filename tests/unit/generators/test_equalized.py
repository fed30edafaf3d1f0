import math

import torch

from gancompress.generators.equalized import FullyConnected, leaky_relu


def test_the_learning_rate_multiplier_cancels_in_the_output() -> None:
    plain, slow = FullyConnected(6, 4), FullyConnected(6, 4, lr_multiplier=0.01)
    slow.weight.data = plain.weight.data / 0.01
    x = torch.randn(3, 6)
    assert torch.allclose(plain(x), slow(x), atol=1e-6)


def test_weights_are_scaled_by_the_root_of_the_fan_in() -> None:
    layer = FullyConnected(9, 4)
    x = torch.randn(3, 9)
    assert torch.allclose(layer(x), x @ layer.weight.T / 3, atol=1e-6)


def test_bias_starts_where_it_is_told() -> None:
    assert torch.equal(FullyConnected(2, 3, bias_init=1.0)(torch.zeros(1, 2)), torch.ones(1, 3))


def test_activation_has_slope_and_gain() -> None:
    layer = FullyConnected(1, 1, activate=True)
    layer.weight.data.fill_(1.0)
    outputs = layer(torch.tensor([[2.0], [-2.0]])).flatten().tolist()
    assert [round(v, 5) for v in outputs] == [
        round(2 * math.sqrt(2), 5),
        -round(0.4 * math.sqrt(2), 5),
    ]


def test_clamp_bounds_both_sides_after_the_slope() -> None:
    values = torch.tensor([-1e6, -1.0, 1.0, 1e6])
    assert leaky_relu(values, 256.0).tolist() == [-256.0, torch.tensor(-0.2).item(), 1.0, 256.0]
