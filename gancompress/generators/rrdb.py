"""ESRGAN and Real-ESRGAN (Wang et al. 2018, 2021): residual in residual dense blocks.

Tensor names equal those of the files that BasicSR writes, so their state dicts load without
renaming.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gancompress.batch import Input, InputSpec
from gancompress.errors import RecipeError


class RRDBGenerator(nn.Module):
    """A small image to a larger one; both in [0, 1].

    Args:
        channels: of the image that it is fed.
        out_channels: of the image that it gives.
        width: channels of the trunk (num_feat).
        growth: channels that each convolution of a dense block adds (num_grow_ch).
        blocks: residual in residual dense blocks (num_block): 23 of Real-ESRGAN, 6 of its form for
            drawings.
        doublings: nearest-neighbour doublings, each followed by a convolution, after the trunk.
        unshuffle: the image enters as patches of this side, one channel each (pixel unshuffle), and
            the trunk works at that much lower resolution. The enlargement is
            ``2^doublings / unshuffle``: Real-ESRGAN ×2 has doublings 2 and unshuffle 2.
        resolution: of the small image it is meant for; any multiple of ``unshuffle`` works.
    """

    def __init__(
        self,
        channels: int = 3,
        out_channels: int = 3,
        width: int = 64,
        growth: int = 32,
        blocks: int = 23,
        doublings: int = 2,
        unshuffle: int = 1,
        resolution: int = 64,
    ) -> None:
        super().__init__()
        if min(channels, out_channels, width, growth, blocks, unshuffle) < 1 or doublings < 0:
            raise RecipeError("rrdb: all sizes must be 1 or more, and doublings 0 or more")
        self.inputs: InputSpec = {"image": Input("image", (channels, resolution, resolution), 0, 1)}
        self.unshuffle, self.doublings = unshuffle, doublings
        self.conv_first = _conv(channels * unshuffle**2, width)
        self.body = nn.Sequential(*(ResidualDenseBlocks(width, growth) for _ in range(blocks)))
        self.conv_body = _conv(width, width)
        for index in range(doublings):
            self.add_module(f"conv_up{index + 1}", _conv(width, width))
        self.conv_hr = _conv(width, width)
        self.conv_last = _conv(width, out_channels)

    def forward(self, image: Tensor) -> Tensor:
        """(N, channels, H, W) in [0, 1] to (N, out_channels, scale·H, scale·W), about [0, 1]."""
        if self.unshuffle > 1:
            image = F.pixel_unshuffle(image, self.unshuffle)
        h = self.conv_first(image)
        h = h + self.conv_body(self.body(h))
        for index in range(self.doublings):
            h = F.interpolate(h, scale_factor=2.0, mode="nearest")
            h = F.leaky_relu(self.get_submodule(f"conv_up{index + 1}")(h), 0.2)
        return self.conv_last(F.leaky_relu(self.conv_hr(h), 0.2))  # type: ignore[no-any-return]


class ResidualDenseBlocks(nn.Module):
    """Three dense blocks; a fifth of what they give is added to what they are given."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.rdb1 = DenseBlock(width, growth)
        self.rdb2 = DenseBlock(width, growth)
        self.rdb3 = DenseBlock(width, growth)

    def forward(self, x: Tensor) -> Tensor:
        return x + 0.2 * self.rdb3(self.rdb2(self.rdb1(x)))  # type: ignore[no-any-return]


class DenseBlock(nn.Module):
    """Five convolutions, each fed with all that comes before it; a fifth of the last is added."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.conv1 = _conv(width, growth)
        self.conv2 = _conv(width + growth, growth)
        self.conv3 = _conv(width + 2 * growth, growth)
        self.conv4 = _conv(width + 3 * growth, growth)
        self.conv5 = _conv(width + 4 * growth, width)

    def forward(self, x: Tensor) -> Tensor:
        maps = [x]
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            maps.append(F.leaky_relu(conv(torch.cat(maps, dim=1)), 0.2))
        return x + 0.2 * self.conv5(torch.cat(maps, dim=1))  # type: ignore[no-any-return]


def _conv(in_channels: int, out_channels: int) -> nn.Conv2d:
    """A 3×3 convolution; a tenth of Kaiming's weights, so that deep residuals start near nothing
    (Wang et al. 2018, section 3.1).
    """
    conv = nn.Conv2d(in_channels, out_channels, 3, padding=1)
    nn.init.normal_(conv.weight, 0.0, 0.1 * math.sqrt(2 / (9 * in_channels)))
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    return conv
