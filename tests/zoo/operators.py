"""One small block per operator of the field, from which random networks are composed.

Every block is made with ``block(channels)`` and called with features (N, C, H, W), H and W even,
and a condition (N, 8); it returns features of the same shape: any sequence of blocks is a network.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize

from tests.zoo import blocks


class Plain(nn.Module):
    """A module that needs no condition."""

    def __init__(self, *modules: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(*modules)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        return self.body(x)


def conv(c: int) -> nn.Module:
    return Plain(nn.Conv2d(c, c, 3, padding=1), nn.ReLU())


def conv_bottleneck(c: int) -> nn.Module:
    return Plain(nn.Conv2d(c, 2 * c, 1, bias=False), nn.Tanh(), nn.Conv2d(2 * c, c, 1))


def depthwise(c: int) -> nn.Module:
    return Plain(nn.Conv2d(c, c, 3, padding=1, groups=c), nn.Conv2d(c, c, 1))


def depthwise_multiplier(c: int) -> nn.Module:
    return Plain(nn.Conv2d(c, 2 * c, 3, padding=1, groups=c), nn.Conv2d(2 * c, c, 1))


def grouped(c: int) -> nn.Module:
    return Plain(nn.Conv2d(c, c, 3, padding=1, groups=2), nn.ReLU())


def transposed(c: int) -> nn.Module:
    return Plain(nn.Conv2d(c, c, 2, stride=2), nn.ConvTranspose2d(c, c, 4, stride=2, padding=1))


def batch_norm(c: int) -> nn.Module:
    return Plain(nn.Conv2d(c, c, 1), nn.BatchNorm2d(c), nn.PReLU(c))


def instance_norm(c: int) -> nn.Module:
    return Plain(nn.ReflectionPad2d(1), nn.Conv2d(c, c, 3), nn.InstanceNorm2d(c, affine=True))


def group_norm(c: int) -> nn.Module:
    return Plain(nn.GroupNorm(2, c), nn.SiLU(), nn.Conv2d(c, c, 1))


def pooled(c: int) -> nn.Module:
    up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
    return Plain(nn.MaxPool2d(2), nn.Conv2d(c, c, 1), nn.ELU(), up)


def averaged(c: int) -> nn.Module:
    return Plain(nn.AvgPool2d(2), nn.Conv2d(c, c, 1), nn.Upsample(scale_factor=2))


def glu(c: int) -> nn.Module:
    return Plain(nn.Conv2d(c, 2 * c, 3, padding=1), nn.BatchNorm2d(2 * c), nn.GLU(dim=1))


def shuffle(c: int) -> nn.Module:
    return Plain(nn.Conv2d(c, c, 3, padding=1), nn.PixelUnshuffle(2), nn.PixelShuffle(2))


def shuffle_up(c: int) -> nn.Module:
    return Plain(nn.AvgPool2d(2), nn.Conv2d(c, 4 * c, 1), nn.PixelShuffle(2), nn.PReLU())


def spectral(c: int) -> nn.Module:
    return Plain(
        parametrizations.spectral_norm(nn.Conv2d(c, c, 3, padding=1)),
        nn.utils.spectral_norm(nn.Conv2d(c, c, 1)),
    )


def weight_norm(c: int) -> nn.Module:
    return Plain(
        parametrizations.weight_norm(nn.Conv2d(c, c, 1)), nn.utils.weight_norm(nn.Conv2d(c, c, 1))
    )


class Positive(nn.Module):
    def forward(self, weight: Tensor) -> Tensor:
        return F.softplus(weight)


def parametrised(c: int) -> nn.Module:
    layer = nn.Conv2d(c, c, 1)
    parametrize.register_parametrization(layer, "weight", Positive())
    return Plain(layer, nn.InstanceNorm2d(c))


def residual(c: int) -> nn.Module:
    return blocks.Residual(conv(c))


BLOCKS = {
    "conv": conv,
    "conv_bottleneck": conv_bottleneck,
    "depthwise": depthwise,
    "depthwise_multiplier": depthwise_multiplier,
    "grouped": grouped,
    "transposed": transposed,
    "batch_norm": batch_norm,
    "instance_norm": instance_norm,
    "group_norm": group_norm,
    "pooled": pooled,
    "averaged": averaged,
    "glu": glu,
    "shuffle": shuffle,
    "shuffle_up": shuffle_up,
    "spectral": spectral,
    "weight_norm": weight_norm,
    "parametrised": parametrised,
    "residual": residual,
    "dense": blocks.Dense,
    "halves": blocks.Halves,
    "narrowed": blocks.Narrowed,
    "shared": blocks.Shared,
    "squeeze": blocks.Squeeze,
    "adain": blocks.AdaIN,
    "spade": blocks.Spade,
    "attention": blocks.Attention,
    "tokens": blocks.Tokens,
    "sequence": blocks.Sequence,
    "flattened": blocks.Flattened,
    "modulated": blocks.Modulated,
    "noise": blocks.Noise,
}


class Network(nn.Module):
    """An image (N, 3, H, W), a class (N,) and a condition (N, 8) through a chain of blocks."""

    def __init__(self, names: list[str], channels: int = 16) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, channels, 3, padding=1)
        self.embed = nn.Embedding(4, channels)
        self.blocks = nn.ModuleList(BLOCKS[name](channels) for name in names)
        self.last = nn.Conv2d(channels, 3, 3, padding=1)

    def forward(self, image: Tensor, label: Tensor, condition: Tensor) -> Tensor:
        h = self.first(image) + self.embed(label)[:, :, None, None]
        for block in self.blocks:
            h = block(h, condition)
        return torch.tanh(self.last(h))


def inputs() -> dict[str, Tensor]:
    """Two samples for a :class:`Network`."""
    return {
        "image": torch.randn(2, 3, 8, 8),
        "label": torch.randint(0, 4, (2,)),
        "condition": torch.randn(2, blocks.CONDITION),
    }
