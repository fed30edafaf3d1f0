"""Residual branches as people write them, and sums that are none."""

import torch
from torch import Tensor, nn


class Whole(nn.Module):
    """A block that adds its input itself."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU()
        )
        self.last = nn.Conv2d(24, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + 0.2 * self.last(self.body(x))


class Parts(nn.Module):
    """A block that goes on after the sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.a = nn.Conv2d(channels, channels, 3, padding=1)
        self.b = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return (x + self.b(self.a(x).relu())).relu()


class InPlace(nn.Module):
    """A block that adds to its input in place."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv(x)
        h += x
        return h


class Shortcut(nn.Module):
    """Both terms of the sum are computed."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.short = nn.Conv2d(channels, channels, 1)
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.short(x) + self.conv(x)


class Read(nn.Module):
    """What the branch computes goes elsewhere, too."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.a = nn.Conv2d(channels, channels, 3, padding=1)
        self.b = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.a(x)
        return (x + self.b(h)) * torch.sigmoid(h)


class Stack(nn.Module):
    """Images through a few blocks."""

    def __init__(self, *blocks: type[nn.Module], channels: int = 16) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, channels, 3, padding=1)
        self.blocks = nn.ModuleList(block(channels) for block in blocks)
        self.tail = nn.Conv2d(channels, 3, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        h = self.head(image)
        for block in self.blocks:
            h = block(h)
        return self.tail(h)


class Nested(nn.Module):
    """A residual branch of two."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = Whole(channels), Parts(channels)
        self.last = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.last(self.second(self.first(x)))


def images(count: int = 2) -> dict[str, Tensor]:
    """What a stack is fed."""
    return {"image": torch.randn(count, 3, 12, 12)}
