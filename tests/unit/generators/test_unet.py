import pytest
import torch
from torch import nn

from gancompress.errors import RecipeError
from gancompress.generators.unet import UNetGenerator


def test_takes_multiples_of_its_smallest_size() -> None:
    module = UNetGenerator(width=2, downs=5).eval()
    assert module(torch.randn(1, 3, 64, 96)).shape == (1, 3, 64, 96)


def test_dropout_is_between_the_innermost_and_the_outer_levels() -> None:
    drops = [m for m in UNetGenerator(width=2, downs=8).modules() if isinstance(m, nn.Dropout)]
    assert len(drops) == 3


def test_skips_carry_detail_past_the_bottleneck() -> None:
    module = UNetGenerator(width=2, downs=5).eval()
    image = torch.randn(1, 3, 32, 32)
    # Nothing but the skips distinguishes the pixels of a network whose inside is switched off.
    inside = module.model.model[1].model[3]
    for parameter in inside.parameters():
        nn.init.zeros_(parameter)
    assert module(image).std() > 0


def test_too_few_levels_are_refused() -> None:
    with pytest.raises(RecipeError, match="downs 4: must be 5 or more"):
        UNetGenerator(downs=4)
