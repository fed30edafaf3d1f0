import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from gancompress.generators.low_pass import low_pass, radial_low_pass, resampled
from gancompress.generators.stylegan3 import StyleGAN3Generator

SMALL = {"z_dim": 8, "w_dim": 8, "resolution": 32, "channel_base": 256, "channel_max": 8}


def test_filters_are_those_of_scipy() -> None:
    scipy = pytest.importorskip("scipy")
    from scipy import signal, special

    expected = signal.firwin(numtaps=12, cutoff=3.3, width=2.2, fs=32)
    assert np.allclose(low_pass(12, 3.3, 2.2, 32), expected, atol=1e-7)
    places = (np.arange(12) - 5.5) / 32
    radii = np.hypot(*np.meshgrid(places, places))
    kernel = special.j1(2 * 3.3 * np.pi * radii) / (np.pi * radii)
    window = np.kaiser(12, signal.kaiser_beta(signal.kaiser_atten(12, 2.2 / 16)))
    kernel = kernel * np.outer(window, window)
    assert np.allclose(radial_low_pass(12, 3.3, 2.2, 32), kernel / kernel.sum(), atol=1e-7)
    assert scipy


def naive(x: Tensor, kernel: Tensor, up: int, down: int, padding: tuple[int, int]) -> Tensor:
    """Zeros, padding or cropping, convolution with the whole kernel, every down-th pixel."""
    n, c, height, width = x.shape
    stuffed = torch.zeros(n, c, height * up, width * up, dtype=x.dtype)
    stuffed[..., ::up, ::up] = x
    padded = F.pad(stuffed, (*padding, *padding))
    weight = (kernel.flip((0, 1)) * up**2).expand(c, 1, -1, -1)
    return F.conv2d(padded, weight, groups=c)[:, :, ::down, ::down]


@pytest.mark.parametrize("radial", [False, True])
@pytest.mark.parametrize(
    ("up", "down", "padding"), [(2, 1, (5, 6)), (4, 1, (9, 12)), (1, 2, (0, 0)), (2, 1, (-3, -2))]
)
def test_resampling_is_zeros_filter_and_decimation(
    radial: bool, up: int, down: int, padding: tuple[int, int]
) -> None:
    x, line = torch.randn(2, 3, 20, 20).double(), torch.randn(12).double()
    kernel = torch.randn(12, 12).double() if radial else line
    whole = kernel if radial else torch.outer(line, line)
    found = resampled(x, kernel, up, down, padding)
    assert torch.allclose(found, naive(x, whole, up, down, padding), atol=1e-10)


def test_convolution_is_modulated_and_demodulated_sample_by_sample() -> None:
    torch.manual_seed(0)
    layer = StyleGAN3Generator(**SMALL).synthesis.get_submodule("L0_36_8")
    layer.magnitude_ema.fill_(2.5)
    x, w = torch.randn(2, 8, 36, 36), torch.randn(2, 8)
    style = layer.affine(w)
    rows = []
    for row in range(2):
        # As published: styles over the root of their mean square, weights likewise.
        weight = layer.weight * layer.weight.square().mean(dim=(1, 2, 3), keepdim=True).rsqrt()
        weight = weight * (style * style.square().mean().rsqrt())[row].view(1, -1, 1, 1)
        weight = weight * (weight.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-8).rsqrt()
        weight = weight / math.sqrt(2.5)
        rows.append(F.conv2d(x[row : row + 1], weight, padding=2))
    h = resampled(
        torch.cat(rows) + layer.bias[:, None, None], layer.up_filter, layer.up, 1, layer.padding
    )
    h = (F.leaky_relu(h, 0.2) * math.sqrt(2)).clamp(-256, 256)
    expected = resampled(h, layer.down_filter, 1, layer.down, (0, 0))
    assert torch.allclose(layer(x, w), expected, atol=1e-4)


def test_layers_are_named_as_published() -> None:
    with torch.device("meta"):
        network = StyleGAN3Generator(
            channel_base=65536, channel_max=1024, kernel_size=1, radial=True
        )
    assert network.synthesis.names == [
        *("L0_36_1024", "L1_36_1024", "L2_52_1024", "L3_52_1024", "L4_84_1024", "L5_148_1024"),
        *("L6_148_1024", "L7_276_645", "L8_276_406", "L9_532_256", "L10_1044_161"),
        *("L11_1044_102", "L12_1044_64", "L13_1024_64", "L14_1024_3"),
    ]


def test_shift_of_the_features_shifts_the_image() -> None:
    torch.manual_seed(0)
    network, z = StyleGAN3Generator(**SMALL).double().eval(), torch.randn(1, 8).double()
    with torch.no_grad():
        still = network(z)
        network.synthesis.input.transform[0, 2] = 4 / 16  # four pixels of 32
        moved = network(z)
    inner = moved[..., 8:24, 8:20] - still[..., 8:24, 12:24]
    assert inner.abs().mean() < 0.2 * still.std()
