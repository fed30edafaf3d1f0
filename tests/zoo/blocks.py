"""Blocks of more than a chain: everything that joins, splits, modulates or attends.

Called with features (N, C, H, W) and a condition (N, 8), they return features of the same shape.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CONDITION = 8


class Residual(nn.Module):
    """x + 0.5 · inner(x)."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        return x + 0.5 * self.inner(x, condition)


class Dense(nn.Module):
    """Concatenation with what was made of it, and a projection back."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.grow = nn.Conv2d(c, c // 2, 3, padding=1)
        self.norm = nn.BatchNorm2d(c + c // 2)
        self.project = nn.Conv2d(c + c // 2, c, 1)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        return self.project(F.relu(self.norm(torch.cat([x, self.grow(x)], dim=1))))


class Halves(nn.Module):
    """The halves of a convolution's output go different ways and are subtracted."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.widen = nn.Conv2d(c, 2 * c, 1)
        self.one = nn.Conv2d(c, c, 1)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        first, second = self.widen(x).chunk(2, dim=1)
        return self.one(first) - torch.sigmoid(second)


class Narrowed(nn.Module):
    """Slices of unequal size, put together in another order."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c, 2 * c, 1)
        self.back = nn.Conv2d(2 * c, c, 1)
        self.cut = c // 2

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        h = self.conv(x)
        first, rest = h[:, : self.cut], h.narrow(1, self.cut, h.shape[1] - self.cut)
        return self.back(torch.cat([rest, F.relu(first)], dim=1))


class Shared(nn.Module):
    """One convolution used twice, and two layers that share a weight."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c, c, 3, padding=1)
        self.one, self.two = nn.Conv2d(c, c, 1), nn.Conv2d(c, c, 1)
        self.two.weight = self.one.weight

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        return self.two(self.one(torch.tanh(self.conv(torch.tanh(self.conv(x))))))


class Squeeze(nn.Module):
    """Squeeze and excitation."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(c, c // 2), nn.Linear(c // 2, c)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        weight = torch.sigmoid(self.up(F.relu(self.down(x.mean(dim=(2, 3))))))
        return x * weight.unsqueeze(-1).unsqueeze(-1).expand_as(x)


class AdaIN(nn.Module):
    """Instance statistics by hand, gain and bias from the condition."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.style = nn.Linear(CONDITION, 2 * c)
        self.conv = nn.Conv2d(c, c, 1)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        gain, bias = self.style(condition)[:, :, None, None].chunk(2, dim=1)
        h = self.conv(x)
        h = (h - h.mean((2, 3), keepdim=True)) / (h.var((2, 3), keepdim=True) + 1e-2).sqrt()
        return h * (1 + gain) + bias


class Spade(nn.Module):
    """Spatial modulation by a map made from the condition."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.norm = nn.InstanceNorm2d(c)
        self.shared = nn.Conv2d(CONDITION, c, 3, padding=1)
        self.gamma, self.beta = nn.Conv2d(c, c, 1), nn.Conv2d(c, c, 1)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        segments = condition[:, :, None, None].expand(-1, -1, x.shape[2], x.shape[3])
        hidden = F.relu(self.shared(segments))
        return self.norm(x) * (1 + self.gamma(hidden)) + self.beta(hidden)


class Attention(nn.Module):
    """SAGAN's attention over positions."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.query, self.key = nn.Conv2d(c, c // 2, 1), nn.Conv2d(c, c // 2, 1)
        self.value = nn.Conv2d(c, c, 1)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        n, _, height, width = x.shape
        query, key, value = (f(x).flatten(2) for f in (self.query, self.key, self.value))
        weight = torch.softmax(query.transpose(1, 2) @ key, dim=-1)
        return x + torch.bmm(value, weight.mT).reshape(n, -1, height, width)


class Tokens(nn.Module):
    """Channels last: layer norm and a perceptron per position."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(c)
        self.up, self.down = nn.Linear(c, 2 * c), nn.Linear(2 * c, c)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        h = self.norm(x.permute(0, 2, 3, 1))
        return x + self.down(F.gelu(self.up(h))).permute(0, 3, 1, 2)


class Sequence(nn.Module):
    """One-dimensional convolution along the positions."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(c, c, 3, padding=1)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        return F.relu(self.conv(x.flatten(2))).unflatten(2, x.shape[2:])


class Flattened(nn.Module):
    """Through a linear layer over all channels and positions of a pooled map, and back."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(c * 4, c)
        self.spread = nn.Linear(c, c * 4)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        h = torch.flatten(F.adaptive_avg_pool2d(x, 2), 1)
        h = self.spread(F.relu(self.squeeze(h))).view(x.shape[0], -1, 2, 2)
        return x + F.interpolate(h, size=x.shape[2:], mode="nearest")


class Modulated(nn.Module):
    """StyleGAN2's modulated and demodulated convolution, grouped over the batch."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(c, c, 3, 3))
        self.affine = nn.Linear(CONDITION, c)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        n, _, height, width = x.shape
        weight = self.weight * self.affine(condition)[:, None, :, None, None]
        weight = weight * (weight.square().sum((2, 3, 4), keepdim=True) + 1e-4).rsqrt()
        h = F.conv2d(x.reshape(1, -1, height, width), weight.flatten(0, 1), padding=1, groups=n)
        return h.reshape(n, -1, height, width)


class Noise(nn.Module):
    """A learnt constant, repeated over the batch, and a gain per channel."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.constant = nn.Parameter(torch.randn(1, c, 1, 1))
        self.gain = nn.Parameter(torch.randn(c, 1, 1))
        self.register_buffer("shift", torch.randn(c), persistent=False)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        h = x / (1 + self.gain.abs()) + self.constant.repeat(x.shape[0], 1, 1, 1)
        return h + self.shift.view(1, -1, 1, 1)
