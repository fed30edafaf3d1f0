import pytest
import torch

from gancompress.errors import RecipeError
from gancompress.generators.srresnet import SRResNetGenerator


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_the_image_grows_by_the_scale(scale: int) -> None:
    module = SRResNetGenerator(width=4, blocks=1, scale=scale)
    assert module(torch.randn(1, 3, 5, 7)).shape == (1, 3, 5 * scale, 7 * scale)


def test_without_norm_it_holds_no_batch_statistics() -> None:
    assert not list(SRResNetGenerator(width=4, blocks=1, norm=False).buffers())


def test_a_scale_that_is_no_power_of_two_is_refused() -> None:
    with pytest.raises(RecipeError, match="scale 3"):
        SRResNetGenerator(scale=3)
