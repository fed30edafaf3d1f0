"""SNGAN's residual generator (Miyato et al. 2018), and its kin with conditional batch norm.

Tensor names equal those of mimicry's published checkpoints (SNGAN, SSGAN, InfoMax-GAN, cGAN-PD).
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gancompress.batch import Input, InputSpec


class SNGANGenerator(nn.Module):
    """Latent (and class) to image.

    Args:
        z_dim: length of the latent.
        widths: channels of the first maps, then after each block, all of which double the size.
        bottom: size of the first maps.
        classes: number of classes; 0 for an unconditional generator.
        channels: of the image.
    """

    def __init__(
        self,
        z_dim: int = 128,
        widths: Sequence[int] = (256, 256, 256, 256),
        bottom: int = 4,
        classes: int = 0,
        channels: int = 3,
    ) -> None:
        super().__init__()
        self.bottom, self.blocks = bottom, len(widths) - 1
        self.inputs: InputSpec = {"z": Input("normal", (z_dim,))}
        if classes:
            self.inputs["c"] = Input("label", (), classes=classes)
        self.l1 = nn.Linear(z_dim, widths[0] * bottom**2)
        for index, (before, after) in enumerate(pairwise(widths)):
            self.add_module(f"block{index + 2}", _Block(before, after, classes))
        last = self.blocks + 2
        self.add_module(f"b{last}", nn.BatchNorm2d(widths[-1]))
        self.add_module(f"c{last}", nn.Conv2d(widths[-1], channels, 3, padding=1))

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """(N, z_dim) and numbers of classes (N,) to (N, channels, H, W) in [-1, 1]."""
        h = self.l1(z).unflatten(1, (-1, self.bottom, self.bottom))
        for index in range(self.blocks):
            h = self.get_submodule(f"block{index + 2}")(h, c)
        last = self.blocks + 2
        h = F.relu(self.get_submodule(f"b{last}")(h))
        return torch.tanh(self.get_submodule(f"c{last}")(h))


class _Block(nn.Module):
    def __init__(self, before: int, after: int, classes: int) -> None:
        super().__init__()
        self.c1 = nn.Conv2d(before, after, 3, padding=1)
        self.c2 = nn.Conv2d(after, after, 3, padding=1)
        self.c_sc = nn.Conv2d(before, after, 1)
        self.b1, self.b2 = (
            _ConditionalNorm(width, classes) if classes else nn.BatchNorm2d(width)
            for width in (before, after)
        )

    def forward(self, x: Tensor, c: Tensor | None) -> Tensor:
        h = self.c1(_doubled(F.relu(_normed(self.b1, x, c))))
        h = self.c2(F.relu(_normed(self.b2, h, c)))
        # Of one pixel and linear, as the enlargement is: their order does not matter.
        return h + _doubled(self.c_sc(x))  # type: ignore[no-any-return]


class _ConditionalNorm(nn.Module):
    """Batch norm whose scale and offset are looked up by the class."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(width, affine=False)
        self.embed = nn.Embedding(classes, 2 * width)

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        gain, bias = self.embed(c)[:, :, None, None].chunk(2, dim=1)
        return torch.addcmul(bias, self.bn(x), gain)


def _normed(norm: nn.Module, x: Tensor, c: Tensor | None) -> Tensor:
    return norm(x, c) if isinstance(norm, _ConditionalNorm) else norm(x)  # type: ignore[no-any-return]


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
