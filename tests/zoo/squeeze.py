"""An image-to-image generator of squeeze-and-excitation blocks (Hu et al. 2018)."""

import torch
from torch import Tensor, nn


class SEBlock(nn.Module):
    """A residual block whose channels are weighed by what the whole image holds."""

    def __init__(self, channels: int, reduction: int = 2) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.GroupNorm(8, channels),
            nn.PReLU(channels),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.InstanceNorm2d(channels, affine=True),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.excite = nn.Sequential(
            nn.Linear(channels, channels // reduction),
            nn.ReLU(inplace=True),
            nn.Linear(channels // reduction, channels),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        h = self.body(x)
        n, c, _, _ = h.size()
        weight = self.excite(self.pool(h).view(n, c)).view(n, c, 1, 1)
        return x + h * weight.expand_as(h)


class SEGenerator(nn.Module):
    """Image to image, pixel unshuffle at the entry and shuffle at the exit."""

    def __init__(self, width: int = 32, blocks: int = 2) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(12, width, 3, padding=1))
        self.blocks = nn.Sequential(*(SEBlock(width) for _ in range(blocks)))
        self.head = nn.Sequential(nn.Conv2d(width, 12, 3, padding=1), nn.PixelShuffle(2))

    def forward(self, image: Tensor) -> Tensor:
        return torch.tanh(self.head(self.blocks(self.stem(image))))
