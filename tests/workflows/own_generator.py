"""A stranger's generator with photographs, for the tests of the public API."""

import torch
from torch import Tensor, nn

import gancompress as gc

SPEC = {"image": gc.Input("image", (3, 8, 8))}
PHOTOS = torch.rand(24, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1


class Painter(nn.Module):
    """A stranger's generator: no attribute says what it is fed."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width)
        self.tail = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        return torch.tanh(self.tail(torch.relu(self.norm(self.head(image)))))


def painter(seed: int = 0) -> Painter:
    torch.manual_seed(seed)
    return Painter()


def supernet(seed: int = 1) -> gc.Supernet:
    return gc.Supernet(painter(seed), {"image": PHOTOS[:2]}, divisor=4, minimum=4)


def pairs(count: int = 16) -> gc.MemoryPairs:
    found = gc.collect(gc.Teacher(painter(), SPEC), PHOTOS, count)
    assert isinstance(found, gc.MemoryPairs)
    return found
