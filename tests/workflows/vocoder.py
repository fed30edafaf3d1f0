"""A third party's vocoder: a mel spectrogram in, a wave out, plain PyTorch."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Residual(nn.Module):
    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.dilated = nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation)
        self.plain = nn.Conv1d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.plain(F.leaky_relu(self.dilated(F.leaky_relu(x, 0.1)), 0.1))


class Vocoder(nn.Module):
    """(N, 8, T) to (N, 1, 64 · T)."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.first = nn.Conv1d(8, width, 7, padding=3)
        self.ups, self.blocks = nn.ModuleList(), nn.ModuleList()
        for _ in range(2):
            self.ups.append(nn.ConvTranspose1d(width, width // 2, 16, 8, 4))
            width //= 2
            self.blocks.append(nn.ModuleList(Residual(width, dilation) for dilation in (1, 3)))
        self.last = nn.Conv1d(width, 1, 7, padding=3)

    def forward(self, mel: Tensor) -> Tensor:
        h = self.first(mel)
        for up, blocks in zip(self.ups, self.blocks, strict=True):
            h = up(F.leaky_relu(h, 0.1))
            h = sum(block(h) for block in blocks) / len(blocks)
        return torch.tanh(self.last(F.leaky_relu(h, 0.1)))
