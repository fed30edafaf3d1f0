"""Translators on pictures of any size."""

import pytest
import torch
from torch import Tensor, nn

from gancompress.generators.any_size import find_size_rule, translate


def _net(*layers: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(*layers).eval()


def _local() -> nn.Module:
    """Strides of 2, so sizes must be even; sees (1 + 2·2 + 2) pixels at most."""
    return _net(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(8, 8, 4, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.ConvTranspose2d(8, 3, 4, stride=2, padding=1),
    )


def test_multiple_and_scale_are_found() -> None:
    rule = find_size_rule(_local(), (3, 32, 32))
    assert (rule.fixed, rule.multiple, rule.scale) == (None, 2, 1)
    twice = find_size_rule(_net(nn.Conv2d(3, 12, 3, padding=1), nn.PixelShuffle(2)), (3, 16, 16))
    assert (twice.multiple, twice.scale) == (1, 2)


def test_network_of_one_size_is_found_and_fed_that_size() -> None:
    net = _net(nn.Flatten(), nn.Linear(3 * 8 * 8, 3 * 8 * 8), nn.Unflatten(1, (3, 8, 8)))
    rule = find_size_rule(net, (3, 8, 8))
    assert rule.fixed == (8, 8)
    assert translate(net, torch.rand(1, 3, 20, 30), rule).shape == (1, 3, 8, 8)


def test_instance_norm_sees_the_whole_picture() -> None:
    net = _net(nn.Conv2d(3, 4, 3, padding=1), nn.InstanceNorm2d(4), nn.Conv2d(4, 3, 1))
    assert find_size_rule(net, (3, 16, 16)).reach is None


@pytest.mark.parametrize("size", [(40, 56), (41, 57), (33, 90)])
def test_tiles_give_what_the_whole_picture_gives(size: tuple[int, int]) -> None:
    net = _local()
    rule = find_size_rule(net, (3, 32, 32))
    image = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(1))
    whole: Tensor = translate(net, image, rule)
    tiled = translate(net, image, rule, tile=24)
    assert whole.shape == (1, 3, *size)
    # Convolutions of other sizes run through other kernels: rounding apart, they agree.
    torch.testing.assert_close(tiled, whole, rtol=0, atol=1e-5)


def test_too_little_overlap_shows() -> None:
    net = _local()
    rule = find_size_rule(net, (3, 32, 32))
    image = torch.rand(1, 3, 48, 48, generator=torch.Generator().manual_seed(1))
    tiled = translate(net, image, rule, tile=24, overlap=0)
    assert float((tiled - translate(net, image, rule)).abs().max()) > 1e-3
