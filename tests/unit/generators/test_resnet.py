import pytest
import torch

from gancompress.errors import RecipeError
from gancompress.generators.resnet import ResNetGenerator


def test_dropout_moves_the_second_convolution_of_a_block() -> None:
    def second(dropout: float | None) -> set[str]:
        names = ResNetGenerator(width=4, dropout=dropout).state_dict()
        return {
            name for name in names if name.startswith("model.10.conv_block.") and "1." not in name
        }

    assert second(None) == {"model.10.conv_block.5.weight", "model.10.conv_block.5.bias"}
    assert second(0.0) == {"model.10.conv_block.6.weight", "model.10.conv_block.6.bias"}


def test_six_widths_give_all_blocks_the_same_inside() -> None:
    six = ResNetGenerator(widths=[4, 4, 5, 6, 3, 4], separable=True).state_dict()
    eight = ResNetGenerator(widths=[4, 4, 5, 6, 6, 6, 3, 4], separable=True).state_dict()
    assert {n: t.shape for n, t in six.items()} == {n: t.shape for n, t in eight.items()}


def test_each_third_of_the_blocks_has_its_own_width() -> None:
    module = ResNetGenerator(widths=[4, 4, 5, 6, 7, 8, 3, 4], blocks=6)
    inner = [module.model[10 + i].conv_block[1].out_channels // 4 for i in range(6)]
    assert inner == [6, 6, 7, 7, 8, 8]


def test_the_older_class_narrows_the_first_of_three() -> None:
    module = ResNetGenerator(widths=[4, 4, 5, 6, 3, 4], narrow="first")
    inner = [module.model[10 + i].conv_block[1].out_channels // 4 for i in range(9)]
    assert inner == [6, 5, 5] * 3


def test_takes_other_sizes_than_it_is_meant_for() -> None:
    module = ResNetGenerator(width=2, blocks=1, resolution=32)
    assert module(torch.randn(1, 3, 20, 36)).shape == (1, 3, 20, 36)


@pytest.mark.parametrize("widths", [[1, 2, 3], [4] * 7, [4, 4, 0, 4, 4, 4, 4, 4]])
def test_wrong_widths_are_refused(widths: list[int]) -> None:
    with pytest.raises(RecipeError, match="eight positive numbers"):
        ResNetGenerator(widths=widths)
