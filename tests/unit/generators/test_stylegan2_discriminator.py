import numpy as np
import pytest
import torch

from gancompress.generators.stylegan2_discriminator import (
    Epilogue,
    EqualizedConv,
    StyleGAN2Discriminator,
)


@pytest.mark.parametrize(("n", "group"), [(8, 4), (6, 3), (5, 1), (2, 2)])
def test_the_last_map_is_the_deviation_within_groups(n: int, group: int) -> None:
    x = torch.randn(n, 5, 4, 4, dtype=torch.float64)
    maps = Epilogue(5, 1, group=4, conv_clamp=None)._deviation(x)
    values = x.numpy()
    for sample in range(n):
        members = [other for other in range(n) if other % (n // group) == sample % (n // group)]
        deviation = np.sqrt(values[members].var(axis=0) + 1e-8).mean()
        assert np.allclose(maps[sample].numpy(), deviation)


def test_a_gain_scales_a_convolution_and_its_clamp() -> None:
    layer = EqualizedConv(3, 4, 3, conv_clamp=0.5)
    x = torch.randn(2, 3, 8, 8)
    assert torch.allclose(layer(x, gain=0.25), 0.25 * layer(x), atol=1e-6)
    assert layer(x, gain=0.25).max() <= 0.125


def test_names_are_those_of_the_published_discriminator() -> None:
    with torch.device("meta"):
        names = set(StyleGAN2Discriminator(classes=10).state_dict())
    assert {
        "b32.fromrgb.weight",
        "b32.conv1.resample_filter",
        "b16.skip.weight",
        "b4.conv.bias",
        "b4.fc.weight",
        "b4.out.bias",
        "mapping.embed.weight",
        "mapping.fc7.bias",
    } <= names
    assert "b16.fromrgb.weight" not in names
    assert "b16.skip.bias" not in names
