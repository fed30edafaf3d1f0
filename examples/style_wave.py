"""A third party's generator: fast style transfer, as published, knowing nothing of compression.

The network of Johnson et al. 2016 with the instance norm of Ulyanov et al. 2016, ported from
TensorFlow: convolutions pad as ``SAME`` does there. Images are 3×H×W, 0…255, height and width
multiples of four. Give it to gancompress as it is::

    gancompress inspect examples/style_wave.py:build --input 1x3x256x256
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class StyledConv(nn.Module):
    """Convolution (TensorFlow ``SAME``) and instance norm with a scale and a shift."""

    def __init__(self, in_channels: int, out_channels: int, size: int, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride
        self.weight = nn.Parameter(0.1 * torch.randn(out_channels, in_channels, size, size))
        self.scale = nn.Parameter(torch.ones(out_channels))
        self.shift = nn.Parameter(torch.zeros(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        rows = same_padding(x.shape[2], self.weight.shape[2], self.stride)
        columns = same_padding(x.shape[3], self.weight.shape[3], self.stride)
        x = F.conv2d(F.pad(x, (*columns, *rows)), self.weight, stride=self.stride)
        return F.instance_norm(x, weight=self.scale, bias=self.shift, eps=1e-3)


class StyledUp(nn.Module):
    """Transposed convolution to exactly twice the size, and the same norm."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(0.1 * torch.randn(in_channels, out_channels, 3, 3))
        self.scale = nn.Parameter(torch.ones(out_channels))
        self.shift = nn.Parameter(torch.zeros(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        x = F.conv_transpose2d(x, self.weight, stride=2)[:, :, : 2 * height, : 2 * width]
        return F.instance_norm(x, weight=self.scale, bias=self.shift, eps=1e-3)


class Residual(nn.Module):
    """Two styled convolutions, added to the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.a = StyledConv(channels, channels, 3)
        self.b = StyledConv(channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.b(F.relu(self.a(x)))


class StyleTransfer(nn.Module):
    """Three convolutions down, five residual blocks, three up."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = StyledConv(3, 32, 9)
        self.conv2 = StyledConv(32, 64, 3, stride=2)
        self.conv3 = StyledConv(64, 128, 3, stride=2)
        self.res1 = Residual(128)
        self.res2 = Residual(128)
        self.res3 = Residual(128)
        self.res4 = Residual(128)
        self.res5 = Residual(128)
        self.up1 = StyledUp(128, 64)
        self.up2 = StyledUp(64, 32)
        self.out = StyledConv(32, 3, 9)

    def forward(self, image: Tensor) -> Tensor:
        x = F.relu(self.conv1(image))
        x = F.relu(self.conv2(x))
        x = F.relu(self.conv3(x))
        for block in (self.res1, self.res2, self.res3, self.res4, self.res5):
            x = block(x)
        x = F.relu(self.up1(x))
        x = F.relu(self.up2(x))
        return (torch.tanh(self.out(x)) * 150 + 127.5).clamp(0, 255)


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """What TensorFlow's ``SAME`` puts before and after: the odd one goes after."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def build(weights: str | None = None) -> nn.Module:
    """The generator, with the published weights (safetensors) where a path is given."""
    model = StyleTransfer()
    if weights is not None:
        from safetensors.torch import load_file

        model.load_state_dict(load_file(weights))
    return model.eval()
