"""Convolutions of small maps: PyTorch's own numbers, and gradients of them twice over."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gancompress.generators import small_maps

# Pixels a side, kernel, stride, padding.
GEOMETRIES = [(4, 4, 2, 1), (8, 4, 2, 1), (5, 3, 2, 1), (6, 3, 1, 0), (4, 4, 1, 3), (4, 4, 4, 0)]


def maps(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.double, generator=generator).requires_grad_()


@pytest.mark.parametrize(("pixels", "kernel", "stride", "padding"), GEOMETRIES)
def test_convolves_as_pytorch_does(pixels: int, kernel: int, stride: int, padding: int) -> None:
    x, weight = maps(2, 3, pixels, pixels), maps(5, 3, kernel, kernel, seed=1)
    expected = F.conv2d(x, weight, stride=stride, padding=padding)
    torch.testing.assert_close(small_maps.conv2d(x, weight, stride, padding), expected)


@pytest.mark.parametrize(("pixels", "kernel", "stride", "padding"), GEOMETRIES)
def test_convolves_transposed_as_pytorch_does(
    pixels: int, kernel: int, stride: int, padding: int
) -> None:
    x, weight = maps(2, 3, pixels, pixels), maps(3, 5, kernel, kernel, seed=1)
    expected = F.conv_transpose2d(x, weight, stride=stride, padding=padding)
    torch.testing.assert_close(small_maps.conv_transpose2d(x, weight, stride, padding), expected)


@pytest.mark.parametrize("convolve", [small_maps.conv2d, small_maps.conv_transpose2d])
def test_can_be_differentiated_twice(convolve: object) -> None:
    x, weight = maps(1, 2, 4, 4), maps(2, 2, 4, 4, seed=1)

    def convolved(x: Tensor, weight: Tensor) -> Tensor:
        result: Tensor = convolve(x, weight, 2, 1)  # type: ignore[operator]
        return result

    assert torch.autograd.gradcheck(convolved, (x, weight))
    assert torch.autograd.gradgradcheck(convolved, (x, weight))


def test_large_maps_and_mixed_precision_are_left_to_pytorch() -> None:
    x = torch.zeros(1, 2, 8, 6)
    assert small_maps.fits(x, 8)
    assert not small_maps.fits(x, 7)
    with torch.autocast("cpu", torch.bfloat16):
        assert not small_maps.fits(x, 8)
