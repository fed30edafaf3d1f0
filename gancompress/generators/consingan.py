"""ConSinGAN (Hinz et al. 2021): a generator that grows with a pyramid of one image.

Each stage hands features, not images, to the next; noise enters at every stage. The sizes of the
noise maps alone set the size of the image, so that any size and aspect can be sampled.
"""

import copy
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gancompress.batch import Input, InputSpec
from gancompress.errors import DataError, RecipeError

Borders = Literal["noise", "zero"]


class ConSinGANGenerator(nn.Module):
    """A pyramid of noise maps to the image.

    Args:
        sizes: height and width of the image at each stage, coarse to fine.
        channels: of the image.
        width: channels inside.
        layers: convolutions of a stage, each 3×3.
        slope: of the leaky ReLU.
        borders: ``noise``: the noise maps reach ``layers`` pixels beyond the image, for variety at
            the edges (generation); ``zero``: they have its size and the borders are zero-padded
            (harmonisation and editing).
    """

    noise_amp: Tensor

    def __init__(
        self,
        sizes: Sequence[tuple[int, int]] = ((32, 48), (64, 96), (128, 192)),
        channels: int = 3,
        width: int = 64,
        layers: int = 3,
        slope: float = 0.1,
        borders: Borders = "noise",
    ) -> None:
        super().__init__()
        if not sizes or any(min(size) < 1 for size in sizes):
            raise RecipeError(
                f"consingan: sizes {list(sizes)}: give height and width of each stage"
            )
        self.layers, self.borders = layers, borders
        # How to resize; the way that is fit for training cannot be followed by what looks for axes.
        self.by_products = False
        self.channels, self.width = channels, width
        self.sizes: list[tuple[int, int]] = []
        self.inputs: InputSpec = {}
        self.head = _block(channels, width, slope, padding=1)
        first = nn.Sequential()
        for layer in range(layers):
            first.add_module(f"block{layer}", _block(width, width, slope, padding=0))
        self.body = nn.ModuleList()
        self.tail = nn.Sequential(nn.Conv2d(width, channels, 3, padding=1), nn.Tanh())
        # Amplitude of the noise of each stage, set in training from the reconstruction error.
        self.register_buffer("noise_amp", torch.ones(0))
        self.apply(_initialise)
        self._add_stage(first, sizes[0])
        for size in sizes[1:]:
            self.grow(size)

    def grow(self, size: tuple[int, int], noise_amp: float = 1.0) -> None:
        """Add a stage for images of ``size``, starting from a copy of the last one."""
        self._add_stage(copy.deepcopy(self.body[-1]), size, noise_amp)

    def forward(self, **noise: Tensor) -> Tensor:
        """``noise_0`` (N, channels, H, W), ``noise_1`` … (N, width, H, W) to the finest image.

        Stage 0 has the size of ``noise_0``; with ``noise`` borders every later one is ``layers``
        pixels smaller on each side than its noise.
        """
        stages = len(self.body)
        missing = [f"noise_{i}" for i in range(stages) if f"noise_{i}" not in noise]
        if missing:
            raise DataError(f"consingan: {stages} stages need the inputs {', '.join(missing)} too")
        margin = self.layers if self.borders == "noise" else 0
        h = self.head(noise["noise_0"] * self.noise_amp[0])
        height, width = h.shape[2:]
        if margin:
            # The features reach one pixel beyond the image, zeros the rest.
            h = F.pad(_resize(h, height + 2, width + 2, self.by_products), [self.layers - 1] * 4)
        else:
            h = F.pad(h, [self.layers] * 4)
        h = self.body[0](h)
        for index in range(1, stages):
            fresh = noise[f"noise_{index}"] * self.noise_amp[index]
            height, width = fresh.size(2) - 2 * margin, fresh.size(3) - 2 * margin
            image = _resize(h, height, width, self.by_products)
            if margin:
                wide = _resize(h, height + 2 * margin, width + 2 * margin, self.by_products) + fresh
            else:
                wide = F.pad(image + fresh, [self.layers] * 4)
            h = self.body[index](wide) + image
        return self.tail(h)  # type: ignore[no-any-return]

    def noise_shapes(self, sizes: Sequence[tuple[int, int]]) -> dict[str, tuple[int, int, int]]:
        """Shape of each noise map, without the batch, for images of ``sizes`` at the stages."""
        margin = 2 * self.layers if self.borders == "noise" else 0
        shapes = {"noise_0": (self.channels, *sizes[0])}
        for index, (height, width) in enumerate(sizes[1:], start=1):
            shapes[f"noise_{index}"] = (self.width, height + margin, width + margin)
        return shapes

    def inputs_for(self, size: tuple[int, int]) -> InputSpec:
        """The inputs that give an image of ``size`` (height, width): every stage as much larger.

        Raises:
            DataError: a stage would be smaller than a pixel.
        """
        (height, width), (tall, wide) = size, self.sizes[-1]
        sizes = [(round(h * height / tall), round(w * width / wide)) for h, w in self.sizes]
        if min(min(size) for size in sizes) < 1:
            raise DataError(
                f"consingan: {height}×{width} pixels: too small, its coarsest stage would be empty"
            )
        shapes = self.noise_shapes([*sizes[:-1], size])
        return {name: replace(self.inputs[name], shape=shape) for name, shape in shapes.items()}

    def _add_stage(self, stage: nn.Module, size: tuple[int, int], noise_amp: float = 1.0) -> None:
        self.body.append(stage)
        self.sizes.append((int(size[0]), int(size[1])))
        self.noise_amp = torch.cat([self.noise_amp, self.noise_amp.new_full((1,), noise_amp)])
        shapes = self.noise_shapes(self.sizes)
        self.inputs = {name: Input("normal", shape) for name, shape in shapes.items()}


class ConSinGANDiscriminator(nn.Module):
    """Unpadded 3×3 convolutions without normalisation: one logit a patch (WGAN-GP)."""

    def __init__(
        self, channels: int = 3, width: int = 64, layers: int = 3, slope: float = 0.1
    ) -> None:
        super().__init__()
        self.head = _block(channels, width, slope, padding=0)
        self.body = nn.Sequential()
        for layer in range(layers):
            self.body.add_module(f"block{layer}", _block(width, width, slope, padding=0))
        self.tail = nn.Conv2d(width, 1, 3)
        self.apply(_initialise)

    def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Images (N, channels, H, W) to logits (N, 1, h, w) and the map after each block."""
        h = self.head(image)
        features = [h]
        for block in self.body:
            h = block(h)
            features.append(h)
        return self.tail(h), features


def _block(in_channels: int, out_channels: int, slope: float, padding: int) -> nn.Sequential:
    block = nn.Sequential()
    block.add_module("conv", nn.Conv2d(in_channels, out_channels, 3, padding=padding))
    block.add_module("lrelu", nn.LeakyReLU(slope))
    return block


def _resize(x: Tensor, height: int, width: int, by_products: bool) -> Tensor:
    """Bicubic, corners aligned.

    Args:
        by_products: as two matrix products. The gradients of ``interpolate`` take as long as the
            convolutions on a CPU, and differ from run to run on a GPU.
    """
    if not by_products:
        return F.interpolate(x, size=(height, width), mode="bicubic", align_corners=True)
    rows = _bicubic(x.size(2), height).to(x)
    columns = _bicubic(x.size(3), width).to(x)
    return rows @ (x @ columns.T)


@lru_cache(maxsize=64)
def _bicubic(source: int, target: int) -> Tensor:
    """The matrix (target, source) that resizes a line of ``source`` values."""
    line = torch.eye(source)[None, :, :, None]
    resized = F.interpolate(line, size=(target, 1), mode="bicubic", align_corners=True)
    return resized[0, :, :, 0].T.contiguous()


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
