import pytest
import torch
from torch import nn

from gancompress.errors import RecipeError
from gancompress.generators.tinygan import ConditionalNorm, TinyGANGenerator


def test_conditional_norm_is_linear_in_the_embedding() -> None:
    norm = ConditionalNorm(4, embed_dim=3)
    x, label = torch.randn(5, 4, 6, 6), torch.randn(5, 3)
    scale, shift = norm.embed(label).split(4, dim=1)
    plain = nn.functional.batch_norm(x, None, None, training=True)
    expected = plain * scale[:, :, None, None] + shift[:, :, None, None]
    assert torch.allclose(norm(x, label), expected, atol=1e-5)


def test_the_class_changes_the_image() -> None:
    module = TinyGANGenerator(classes=2, width=4, blocks=2, resolution=16).eval()
    z = torch.randn(1, 128)
    assert not torch.equal(module(z, torch.eye(2)[:1]), module(z, torch.eye(2)[1:]))


def test_a_resolution_that_does_not_halve_is_refused() -> None:
    with pytest.raises(RecipeError, match="resolution 40, blocks 4"):
        TinyGANGenerator(resolution=40, blocks=4)
