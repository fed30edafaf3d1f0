"""Extractors small enough for unit tests, importable as ``module:attr``."""

import torch
from torch import Tensor, nn

from gancompress.metrics.features import NetworkExtractor, network_extractor


class Pooled(nn.Module):
    """Mean and a few linear maps of the pixels; logits are the first four features."""

    def __init__(self, dimension: int = 12) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.conv = nn.Conv2d(3, dimension, 3, padding=1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.conv(images / 255.0).relu().mean((2, 3))
        return features, features[:, :4] * 10.0


class Broken(Pooled):
    """Gives NaN for a wholly black image."""

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features, logits = super().forward(images)
        return features / (images.amax((1, 2, 3)) > 0).float()[:, None] * 0.0 + features, logits


def tiny() -> NetworkExtractor:
    """8×8 px, 12 features, 4 classes."""
    return network_extractor("tiny", Pooled(), size=8, channels=3, taps=("conv",))


def broken() -> NetworkExtractor:
    return network_extractor("broken", Broken(), size=8, channels=3)


ready = tiny()
number = 3


def pictures(count: int, seed: int = 0, size: int = 8, channels: int = 3) -> Tensor:
    """Smooth random images, uint8 (count, channels, size, size)."""
    rng = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, channels, 3, 3, generator=rng) * 255
    return nn.functional.interpolate(coarse, (size, size), mode="bilinear").to(torch.uint8)
