"""StyleGAN2's modulated convolution (Karras et al. 2020) in the two forms that people write."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class GroupedModulatedConv(nn.Module):
    """Weights of every sample, applied as one grouped convolution over the batch."""

    def __init__(self, in_channels: int, out_channels: int, style: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 3, 3))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.affine = nn.Linear(style, in_channels)
        nn.init.ones_(self.affine.bias)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        n, _, height, width = x.shape
        weight = self.weight.unsqueeze(0) * self.affine(w).reshape(n, 1, -1, 1, 1)
        weight = weight * weight.square().sum(dim=[2, 3, 4], keepdim=True).add(1e-8).rsqrt()
        x = x.reshape(1, -1, height, width)
        x = F.conv2d(x, weight.reshape(-1, *weight.shape[2:]), padding=1, groups=n)
        return x.reshape(n, -1, height, width) + self.bias.view(1, -1, 1, 1)


class ScaledModulatedConv(nn.Module):
    """The same by scaling the features before and after one ordinary convolution."""

    def __init__(self, in_channels: int, out_channels: int, style: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 3, 3))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.affine = nn.Linear(style, in_channels)
        nn.init.ones_(self.affine.bias)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        styles = self.affine(w)
        energy = styles.square() @ self.weight.square().sum(dim=[2, 3]).t()
        x = F.conv2d(x * styles[:, :, None, None], self.weight, padding=1)
        return x * (energy + 1e-8).rsqrt()[:, :, None, None] + self.bias[:, None, None]


class StyleGenerator(nn.Module):
    """z (N, 64) to an image of 16×16: mapping, learnt constant, modulated convolutions."""

    def __init__(self, width: int = 64, style: int = 64) -> None:
        super().__init__()
        self.mapping = nn.Sequential(
            nn.Linear(64, style), nn.LeakyReLU(0.2), nn.Linear(style, style), nn.LeakyReLU(0.2)
        )
        self.constant = nn.Parameter(torch.randn(1, width, 4, 4))
        self.conv1 = GroupedModulatedConv(width, width, style)
        self.conv2 = ScaledModulatedConv(width, width // 2, style)
        self.conv3 = GroupedModulatedConv(width // 2, width // 2, style)
        self.noise_strength = nn.Parameter(torch.full((), 0.1))
        self.register_buffer("noise", torch.randn(8, 8))
        self.to_rgb = nn.Conv2d(width // 2, 3, 1)

    def forward(self, z: Tensor) -> Tensor:
        w = self.mapping(F.normalize(z, dim=1))
        x = self.constant.repeat(z.shape[0], 1, 1, 1)
        x = F.leaky_relu(self.conv1(x, w), 0.2)
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        x = F.leaky_relu(self.conv2(x, w) + self.noise * self.noise_strength, 0.2)
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        return torch.tanh(self.to_rgb(F.leaky_relu(self.conv3(x, w), 0.2)))
