"""A small classifier to clone a large one into: plain PyTorch that knows nothing of gancompress."""

from itertools import pairwise

from torch import Tensor, nn


def stage(channels_in: int, channels: int) -> list[nn.Module]:
    return [
        nn.Conv2d(channels_in, channels, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    ]


class SmallTagger(nn.Module):
    """(N, 3, H, W) in [-1, 1] to logits (N, classes)."""

    def __init__(self, classes: int = 1000, width: int = 32) -> None:
        super().__init__()
        widths = [3, width, 2 * width, 4 * width, 4 * width]
        pairs = pairwise(widths)
        self.features = nn.Sequential(*(layer for pair in pairs for layer in stage(*pair)))
        self.scores = nn.Linear(widths[-1], classes)

    def forward(self, image: Tensor) -> Tensor:
        scores: Tensor = self.scores(self.features(image).mean((2, 3)))
        return scores
