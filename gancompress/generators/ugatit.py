"""U-GAT-IT (Kim et al. 2020): translation with an attention map of a classifier and AdaLIN.

Tensor names equal those of the published checkpoints, so their state dicts load without renaming.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gancompress.batch import Input, InputSpec
from gancompress.generators.resnet import ResidualBlock

_EPSILON = 1e-5


class UGATITGenerator(nn.Module):
    """An image to an image; the logits of its classifier are left out.

    Args:
        in_channels: of the input image.
        out_channels: of the output image.
        width: channels of the first convolution (ngf).
        blocks: residual blocks before the attention, and after it.
        light: scale and shift follow from the mean of each map, not from all its pixels.
        resolution: of the images; with ``light`` any multiple of 4 works.
    """

    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 3,
        width: int = 64,
        blocks: int = 4,
        light: bool = True,
        resolution: int = 256,
    ) -> None:
        super().__init__()
        self.inputs: InputSpec = {"image": Input("image", (in_channels, resolution, resolution))}
        self.light, self.blocks = light, blocks
        inner = 4 * width
        down: list[nn.Module] = [*_convolution(in_channels, width, 7, norm=nn.InstanceNorm2d)]
        for a, b in ((width, 2 * width), (2 * width, inner)):
            down += _convolution(a, b, 3, norm=nn.InstanceNorm2d, stride=2)
        down += [ResidualBlock(inner, inner, "instance", bias=False) for _ in range(blocks)]
        self.DownBlock = nn.Sequential(*down)
        self.gap_fc = nn.Linear(inner, 1, bias=False)
        self.gmp_fc = nn.Linear(inner, 1, bias=False)
        self.conv1x1 = nn.Conv2d(2 * inner, inner, 1)
        first = inner if light else inner * (resolution // 4) ** 2
        self.FC = nn.Sequential(
            nn.Linear(first, inner, bias=False),
            nn.ReLU(),
            nn.Linear(inner, inner, bias=False),
            nn.ReLU(),
        )
        self.gamma = nn.Linear(inner, inner, bias=False)
        self.beta = nn.Linear(inner, inner, bias=False)
        for index in range(1, blocks + 1):
            self.add_module(f"UpBlock1_{index}", _AdaptiveBlock(inner))
        up: list[nn.Module] = []
        for a, b in ((inner, 2 * width), (2 * width, width)):
            up += [nn.Upsample(scale_factor=2.0, mode="nearest"), *_convolution(a, b, 3, norm=_ILN)]
        up += [nn.ReflectionPad2d(3), nn.Conv2d(width, out_channels, 7, bias=False), nn.Tanh()]
        self.UpBlock2 = nn.Sequential(*up)

    def forward(self, image: Tensor) -> Tensor:
        """(N, in_channels, H, W) in [-1, 1] to (N, out_channels, H, W) in [-1, 1]."""
        h = self.DownBlock(image)
        # Each map by its weight in the classifier of its mean, and of its maximum.
        weights = (self.gap_fc.weight, self.gmp_fc.weight)
        h = F.relu(self.conv1x1(torch.cat([h * w[:, :, None, None] for w in weights], dim=1)))
        seen = h.mean(dim=(2, 3)) if self.light else h.flatten(1)
        seen = self.FC(seen)
        scale, shift = self.gamma(seen), self.beta(seen)
        for index in range(1, self.blocks + 1):
            h = self.get_submodule(f"UpBlock1_{index}")(h, scale, shift)
        return self.UpBlock2(h)  # type: ignore[no-any-return]


class _AdaptiveBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, bias=False)
        self.norm1 = _AdaILN(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, bias=False)
        self.norm2 = _AdaILN(channels)

    def forward(self, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        h = self.conv1(F.pad(x, (1, 1, 1, 1), mode="reflect"))
        h = F.relu(self.norm1(h, scale, shift))
        h = self.conv2(F.pad(h, (1, 1, 1, 1), mode="reflect"))
        return x + self.norm2(h, scale, shift)  # type: ignore[no-any-return]


class _AdaILN(nn.Module):
    """Instance and layer norm, mixed channel by channel, with a given scale and shift."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.rho = nn.Parameter(torch.full((1, channels, 1, 1), 0.9))

    def forward(self, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        return _mixed(x, self.rho) * scale[:, :, None, None] + shift[:, :, None, None]


class _ILN(nn.Module):
    """The same with a scale and a shift of its own."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.rho = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.gamma = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.beta = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return _mixed(x, self.rho) * self.gamma + self.beta


def _mixed(x: Tensor, rho: Tensor) -> Tensor:
    variance, mean = torch.var_mean(x, dim=(2, 3), keepdim=True)
    alone = (x - mean) * (variance + _EPSILON).rsqrt()
    variance, mean = torch.var_mean(x, dim=(1, 2, 3), keepdim=True)
    together = (x - mean) * (variance + _EPSILON).rsqrt()
    return rho * alone + (1 - rho) * together


def _convolution(
    in_channels: int, out_channels: int, size: int, norm: type[nn.Module], stride: int = 1
) -> list[nn.Module]:
    return [
        nn.ReflectionPad2d(size // 2),
        nn.Conv2d(in_channels, out_channels, size, stride, bias=False),
        norm(out_channels),
        nn.ReLU(),
    ]
