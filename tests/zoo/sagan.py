"""A SAGAN generator (Zhang et al. 2019): hook-form spectral norm, embedded labels, attention."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import spectral_norm


class ConditionalBatchNorm(nn.Module):
    """Batch norm whose gain and bias are looked up for the class."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.embed = nn.Embedding(classes, channels * 2)
        self.embed.weight.data[:, :channels].fill_(1.0)
        self.embed.weight.data[:, channels:].zero_()

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        gain, bias = self.embed(label).chunk(2, 1)
        return self.norm(x) * gain[:, :, None, None] + bias[:, :, None, None]


class SelfAttention(nn.Module):
    """Non-local block with keys and queries of an eighth of the channels, values of a half."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.theta = spectral_norm(nn.Conv2d(channels, channels // 8, 1, bias=False))
        self.phi = spectral_norm(nn.Conv2d(channels, channels // 8, 1, bias=False))
        self.g = spectral_norm(nn.Conv2d(channels, channels // 2, 1, bias=False))
        self.o = spectral_norm(nn.Conv2d(channels // 2, channels, 1, bias=False))
        self.gamma = nn.Parameter(torch.full((1,), 0.5))

    def forward(self, x: Tensor) -> Tensor:
        n, _, height, width = x.size()
        theta = self.theta(x).view(n, -1, height * width)
        phi = F.max_pool2d(self.phi(x), 2).view(n, -1, height * width // 4)
        attention = torch.softmax(torch.bmm(theta.permute(0, 2, 1), phi), dim=-1)
        g = F.max_pool2d(self.g(x), 2).view(n, -1, height * width // 4)
        out = torch.bmm(g, attention.permute(0, 2, 1)).view(n, -1, height, width)
        return x + self.gamma * self.o(out)


class Block(nn.Module):
    """Conditional norm, ReLU, nearest ×2, convolution, twice, with a 1×1 shortcut."""

    def __init__(self, in_channels: int, out_channels: int, classes: int) -> None:
        super().__init__()
        self.norm0 = ConditionalBatchNorm(in_channels, classes)
        self.conv0 = spectral_norm(nn.Conv2d(in_channels, out_channels, 3, padding=1))
        self.norm1 = ConditionalBatchNorm(out_channels, classes)
        self.conv1 = spectral_norm(nn.Conv2d(out_channels, out_channels, 3, padding=1))
        self.shortcut = spectral_norm(nn.Conv2d(in_channels, out_channels, 1))

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        h = F.interpolate(F.relu(self.norm0(x, label)), scale_factor=2)
        h = self.conv1(F.relu(self.norm1(self.conv0(h), label)))
        return h + self.shortcut(F.interpolate(x, scale_factor=2))


class SAGAN(nn.Module):
    """z (N, 128) and label (N,) to an image of 32×32."""

    def __init__(self, width: int = 32, classes: int = 10) -> None:
        super().__init__()
        self.linear = spectral_norm(nn.Linear(128, width * 4 * 4 * 4))
        self.block1 = Block(width * 4, width * 4, classes)
        self.block2 = Block(width * 4, width * 2, classes)
        self.attention = SelfAttention(width * 2)
        self.block3 = Block(width * 2, width, classes)
        self.norm = nn.BatchNorm2d(width)
        self.out = spectral_norm(nn.Conv2d(width, 3, 3, padding=1))

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        h = self.linear(z).view(z.size(0), -1, 4, 4)
        h = self.block2(self.block1(h, label), label)
        h = self.block3(self.attention(h), label)
        return torch.tanh(self.out(F.relu(self.norm(h))))
