"""A BigGAN generator (Brock et al. 2019): chunked latents, shared class embedding, attention."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm


class ConditionalBatchNorm(nn.Module):
    """Batch norm whose gain and bias are linear in the condition."""

    def __init__(self, channels: int, condition: int) -> None:
        super().__init__()
        self.channels = channels
        self.gain = spectral_norm(nn.Linear(condition, channels, bias=False))
        self.bias = spectral_norm(nn.Linear(condition, channels, bias=False))
        self.register_buffer("stored_mean", torch.zeros(channels))
        self.register_buffer("stored_var", torch.ones(channels))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        gain = (1 + self.gain(y)).view(y.size(0), -1, 1, 1)
        bias = self.bias(y).view(y.size(0), -1, 1, 1)
        out = F.batch_norm(x, self.stored_mean, self.stored_var, training=self.training, eps=1e-4)
        return out * gain + bias


class Attention(nn.Module):
    """SAGAN's attention as BigGAN writes it: the views name the channels of the constructor."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.theta = spectral_norm(nn.Conv2d(channels, channels // 8, 1, bias=False))
        self.phi = spectral_norm(nn.Conv2d(channels, channels // 8, 1, bias=False))
        self.g = spectral_norm(nn.Conv2d(channels, channels // 2, 1, bias=False))
        self.o = spectral_norm(nn.Conv2d(channels // 2, channels, 1, bias=False))
        self.gamma = nn.Parameter(torch.full((), 0.5))

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        theta = self.theta(x).view(-1, self.channels // 8, height * width)
        phi = F.max_pool2d(self.phi(x), [2, 2]).view(-1, self.channels // 8, height * width // 4)
        g = F.max_pool2d(self.g(x), [2, 2]).view(-1, self.channels // 2, height * width // 4)
        beta = F.softmax(torch.bmm(theta.transpose(1, 2), phi), -1)
        out = torch.bmm(g, beta.transpose(1, 2)).view(-1, self.channels // 2, height, width)
        return self.gamma * self.o(out) + x


class Block(nn.Module):
    """Norm, ReLU, nearest ×2, convolution, norm, ReLU, convolution; learnt shortcut."""

    def __init__(self, in_channels: int, out_channels: int, condition: int) -> None:
        super().__init__()
        self.conv1 = spectral_norm(nn.Conv2d(in_channels, out_channels, 3, padding=1))
        self.conv2 = spectral_norm(nn.Conv2d(out_channels, out_channels, 3, padding=1))
        self.conv_sc = spectral_norm(nn.Conv2d(in_channels, out_channels, 1))
        self.bn1 = ConditionalBatchNorm(in_channels, condition)
        self.bn2 = ConditionalBatchNorm(out_channels, condition)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        h = F.interpolate(F.relu(self.bn1(x, y)), scale_factor=2)
        h = self.conv2(F.relu(self.bn2(self.conv1(h), y)))
        return h + self.conv_sc(F.interpolate(x, scale_factor=2))


class BigGAN(nn.Module):
    """z (N, 80) and one-hot class c (N, 10) to an image of 32×32."""

    def __init__(self, width: int = 32, classes: int = 10, shared: int = 32) -> None:
        super().__init__()
        chunk, condition = 20, 20 + shared
        self.bottom_width = 4
        self.shared = nn.Linear(classes, shared, bias=False)
        self.linear = spectral_norm(nn.Linear(chunk, width * 4 * 4 * 4))
        self.blocks = nn.ModuleList(
            [
                Block(width * 4, width * 4, condition),
                Block(width * 4, width * 2, condition),
                Block(width * 2, width, condition),
            ]
        )
        self.attention = Attention(width * 2)
        self.output_bn = nn.BatchNorm2d(width)
        self.output_conv = spectral_norm(nn.Conv2d(width, 3, 3, padding=1))

    def forward(self, z: Tensor, c: Tensor) -> Tensor:
        y = self.shared(c)
        chunks = torch.split(z, 20, 1)
        h = self.linear(chunks[0])
        h = h.view(h.size(0), -1, self.bottom_width, self.bottom_width)
        for index, block in enumerate(self.blocks):
            h = block(h, torch.cat([y, chunks[index + 1]], 1))
            if index == 1:
                h = self.attention(h)
        return torch.tanh(self.output_conv(F.relu(self.output_bn(h))))
