"""A third party's generator: plain PyTorch that knows nothing of gancompress."""

import torch
from torch import Tensor, nn


class Upscaler(nn.Module):
    """A small image-to-image network: (N, 3, H, W) to (N, 3, 2H, 2W)."""

    def __init__(self, width: int = 64, blocks: int = 4) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, width, 5, padding=2)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(width, 2 * width, 3, padding=1),
                nn.BatchNorm2d(2 * width),
                nn.GELU(),
                nn.Conv2d(2 * width, width, 3, padding=1),
            )
            for _ in range(blocks)
        )
        self.tail = nn.Sequential(nn.Conv2d(width, 12, 3, padding=1), nn.PixelShuffle(2), nn.Tanh())

    def forward(self, image: Tensor) -> Tensor:
        h = torch.relu(self.head(image))
        for block in self.blocks:
            h = h + block(h)
        return self.tail(h)


def build(width: int = 64) -> nn.Module:
    return Upscaler(width)
