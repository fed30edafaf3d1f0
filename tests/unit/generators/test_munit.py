import pytest
import torch

from gancompress.errors import DataError
from gancompress.generators.munit import Conv, Form, LayerNorm, MUNITGenerator


def test_adaptive_norm_takes_mean_and_deviation_from_the_style() -> None:
    conv = Conv(3, 4, 3, Form("reflect", "none"), padding=1, norm="adaptive")
    shift, scale = torch.randn(2, 4), torch.rand(2, 4) + 0.5
    maps = conv(torch.randn(2, 3, 16, 16), (shift, scale))
    assert torch.allclose(maps.mean(dim=(2, 3)), shift, atol=1e-5)
    assert torch.allclose(maps.var(dim=(2, 3), correction=0).sqrt(), scale, rtol=1e-3)


def test_layer_norm_normalises_each_sample_as_a_whole() -> None:
    norm = LayerNorm(4)
    norm.gamma.data.fill_(1.0)
    maps = norm(torch.randn(3, 4, 5, 5) * 7 + 3)
    assert torch.allclose(maps.mean(dim=(1, 2, 3)), torch.zeros(3), atol=1e-5)
    assert torch.allclose(maps.std(dim=(1, 2, 3)), torch.ones(3), atol=1e-3)


def test_without_a_style_the_image_is_rendered_in_its_own() -> None:
    module = MUNITGenerator(width=4, blocks=1, resolution=32)
    image = torch.randn(2, 3, 32, 32)
    own = module.enc_style(image).flatten(1)
    assert torch.equal(module(image), module(image, own))


def test_the_style_changes_the_image() -> None:
    module = MUNITGenerator(width=4, blocks=1, resolution=32)
    image = torch.randn(1, 3, 32, 32)
    assert not torch.equal(module(image, torch.zeros(1, 8)), module(image, torch.ones(1, 8)))


def test_a_generator_without_style_encoder_asks_for_a_style() -> None:
    module = MUNITGenerator(width=4, blocks=1, style_encoder=False)
    with pytest.raises(DataError, match="a style z must be given"):
        module(torch.randn(1, 3, 32, 32))
