"""A third party's image-to-image network: 0…255 in and out, plain PyTorch."""

import torch
from torch import Tensor, nn


class Painter(nn.Module):
    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, width, 3, padding=1)
        self.body = nn.Conv2d(width, width, 3, padding=1)
        self.tail = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        h = torch.relu(self.head(image / 255 - 0.5))
        h = h + torch.relu(self.body(h))
        return torch.sigmoid(self.tail(h)) * 255


class Tagger(nn.Module):
    def __init__(self, width: int = 16, classes: int = 5) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, width, 3, stride=2), nn.ReLU())
        self.scores = nn.Linear(width, classes)

    def forward(self, image: Tensor) -> Tensor:
        return self.scores(self.features(image).mean((2, 3)))
