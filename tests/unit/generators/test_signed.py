import torch
from torch import nn

from gancompress.generators.signed import RANGE, signed


def test_black_and_white_become_minus_one_and_one_and_nothing_is_clamped() -> None:
    images = torch.tensor([0.0, 127.5, 255.0, 510.0]).view(1, 1, 2, 2)
    module = signed(nn.Identity(), (0.0, 255.0))
    assert module(images).flatten().tolist() == [-1.0, 0.0, 1.0, 3.0]


def test_a_generator_of_the_usual_range_is_left_alone() -> None:
    module = nn.Identity()
    assert signed(module, RANGE) is module
