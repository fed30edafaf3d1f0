"""DCGAN (Radford et al. 2016) in its up-sample-and-convolve form, class-conditional if wanted."""

import itertools

import torch
from torch import Tensor, nn

from gancompress.batch import Input, InputSpec
from gancompress.errors import RecipeError
from gancompress.generators.up_block import UpBlock


class DCGANGenerator(nn.Module):
    """Linear to a small map, then (up-sample, convolve, normalise, ReLU) to the image.

    Args:
        z_dim: length of the latent.
        classes: number of classes; 0 for an unconditional generator.
        width: channels at full resolution; doubled by every halving of the resolution.
        depth: up-sampling blocks; None for as many as lead to the image from the smallest map of
            4 pixels or more that halving reaches (4 from 32, 7 from 28).
        resolution: of the image.
        channels: of the image.
    """

    def __init__(
        self,
        z_dim: int = 100,
        classes: int = 0,
        width: int = 32,
        depth: int | None = None,
        resolution: int = 32,
        channels: int = 3,
    ) -> None:
        super().__init__()
        depth, self.base = _pyramid("dcgan", resolution, depth)
        self.inputs: InputSpec = {"z": Input("normal", (z_dim,))}
        if classes:
            self.inputs["c"] = Input("one_hot", (classes,))
        widths = [width * 2**i for i in reversed(range(depth + 1))]
        # No bias where a batch norm follows: it would be subtracted again.
        self.linear = nn.Linear(z_dim + classes, widths[0] * self.base**2, bias=False)
        self.norm = nn.Sequential(nn.BatchNorm2d(widths[0]), nn.ReLU())
        self.blocks = nn.ModuleList(UpBlock(a, b, nn.ReLU()) for a, b in itertools.pairwise(widths))
        self.image = nn.Sequential(nn.Conv2d(width, channels, 3, padding=1), nn.Tanh())
        self.apply(_initialise)

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """(N, z_dim) and one-hot (N, classes) to images (N, channels, H, W) in [-1, 1]."""
        h = self.linear(z if c is None else torch.cat([z, c], dim=1))
        h = self.norm(h.view(h.size(0), -1, self.base, self.base))
        for block in self.blocks:
            h = block(h)
        return self.image(h)  # type: ignore[no-any-return]


class DCGANDiscriminator(nn.Module):
    """Strided convolutions and a linear layer; the class enters by projection (Miyato 2018).

    Args:
        classes: number of classes; 0 for an unconditional discriminator.
        width: channels of the first block; doubled by every block.
        depth: blocks; None as in :class:`DCGANGenerator`.
        resolution: of the images.
        channels: of the image.
        dropout: probability that a channel is dropped in training.
        norm: batch-normalise every block but the first; gradient penalties want False.
        published_init: weights ~ N(0, .02) as published. Without batch norm such weights are too
            small for the class to be heard, and False leaves PyTorch's own.
    """

    def __init__(
        self,
        classes: int = 0,
        width: int = 32,
        depth: int | None = None,
        resolution: int = 32,
        channels: int = 3,
        dropout: float = 0.25,
        norm: bool = True,
        published_init: bool = True,
    ) -> None:
        super().__init__()
        depth, base = _pyramid("dcgan_discriminator", resolution, depth)
        widths = [channels, *(width * 2**i for i in range(depth))]
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(a, b, 4, stride=2, padding=1),
                nn.LeakyReLU(0.2),
                nn.Dropout2d(dropout),
                nn.BatchNorm2d(b) if norm and i > 0 else nn.Identity(),
            )
            for i, (a, b) in enumerate(itertools.pairwise(widths))
        )
        self.linear = nn.Linear(widths[-1] * base**2, 1)
        self.embed = nn.Linear(classes, widths[-1], bias=False) if classes else None
        if published_init:
            self.apply(_initialise)

    def forward(self, image: Tensor, c: Tensor | None = None) -> tuple[Tensor, list[Tensor]]:
        """Images (N, channels, H, W) to logits (N, 1) and the maps of the blocks."""
        features: list[Tensor] = []
        h = image
        for block in self.blocks:
            h = block(h)
            features.append(h)
        logits = self.linear(h.flatten(1))
        if self.embed is not None and c is not None:
            logits = logits + (self.embed(c) * h.mean(dim=(2, 3))).sum(dim=1, keepdim=True)
        return logits, features


def _pyramid(name: str, resolution: int, depth: int | None) -> tuple[int, int]:
    """Number of halvings and the side of the smallest map."""
    if depth is None:
        depth = 0
        while resolution % 2 ** (depth + 1) == 0 and resolution // 2 ** (depth + 1) >= 4:
            depth += 1
    if depth < 1 or resolution % 2**depth:
        raise RecipeError(
            f"{name}: resolution {resolution}, depth {depth}: the resolution must be divisible by "
            "2^depth, and depth at least 1"
        )
    return depth, resolution // 2**depth


def _initialise(module: nn.Module) -> None:
    """Weights ~ N(0, .02), scales of the norms ~ N(1, .02), as published."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)
