"""FastGAN (Liu et al. 2021): gated convolutions and skip-layer excitation, 256² to 1024².

Tensor names equal those of its program's checkpoints, spectral norms folded into the weights. Its
second image of 128², which only its discriminator sees, is not computed.
"""

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gancompress.batch import Input, InputSpec
from gancompress.errors import RecipeError

# Channels at a size, in parts of the width.
_SHARES = {4: 16.0, 8: 8.0, 16: 4.0, 32: 2.0, 64: 2.0, 128: 1.0, 256: 0.5, 512: 0.25, 1024: 0.125}
# Size of the map that is excited -> size of the one that excites it.
_EXCITED = {64: 4, 128: 8, 256: 16, 512: 32}
# Blocks of two convolutions and noise; the others have one and none.
_TWICE = (8, 32, 128, 512)

NoiseMode = Literal["random", "none"]


class FastGANGenerator(nn.Module):
    """Latent to image.

    Args:
        z_dim: length of the latent.
        width: channels at 128² (ngf).
        resolution: of the image: 256, 512 or 1024.
        channels: of the image.
        noise_mode: ``none``: the mean of what its program computes; ``random``: new noise for each
            image, as its program draws it. May be set on the module at any time.
        tanh: the image goes through tanh; its program has it at 1024² only.
    """

    def __init__(
        self,
        z_dim: int = 256,
        width: int = 64,
        resolution: int = 256,
        channels: int = 3,
        noise_mode: NoiseMode = "none",
        tanh: bool = False,
    ) -> None:
        super().__init__()
        if resolution not in (256, 512, 1024):
            raise RecipeError(f"fastgan: resolution {resolution}: 256, 512 or 1024")
        self.noise_mode: NoiseMode = noise_mode
        self.tanh = tanh
        self.inputs: InputSpec = {"z": Input("normal", (z_dim,))}
        widths = {size: int(share * width) for size, share in _SHARES.items()}
        self.sizes = [size for size in widths if 4 < size <= resolution]
        first = nn.Sequential(
            nn.ConvTranspose2d(z_dim, 2 * widths[4], 4, bias=False),
            nn.BatchNorm2d(2 * widths[4]),
        )
        self.init = nn.ModuleDict({"init": first})
        for size in self.sizes:
            block = _block(widths[size // 2], widths[size], twice=size in _TWICE)
            self.add_module(f"feat_{size}", block)
            if size in _EXCITED:
                excitation = _Excitation(widths[_EXCITED[size]], widths[size])
                self.add_module(f"se_{size}", excitation)
        self.to_big = nn.Conv2d(widths[resolution], channels, 3, padding=1, bias=False)

    def forward(self, z: Tensor) -> Tensor:
        """(N, z_dim) to (N, channels, H, W), about [-1, 1]."""
        maps: dict[int, Tensor] = {4: F.glu(self.init["init"](z[:, :, None, None]), dim=1)}
        for size in self.sizes:
            h = self._grown(size, maps[size // 2])
            if size in _EXCITED:
                h = self.get_submodule(f"se_{size}")(maps[_EXCITED[size]], h)
            maps[size] = h
        image: Tensor = self.to_big(maps[self.sizes[-1]])
        return image.tanh() if self.tanh else image

    def _grown(self, size: int, x: Tensor) -> Tensor:
        block = self.get_submodule(f"feat_{size}")
        layers: Mapping[str, nn.Module] = dict(block.named_children())
        h = F.interpolate(x, scale_factor=2)
        if size not in _TWICE:
            return F.glu(layers["2"](layers["1"](h)), dim=1)
        for conv, noise, norm in (("1", "2", "3"), ("5", "6", "7")):
            h = layers[noise](layers[conv](h), self.noise_mode)
            h = F.glu(layers[norm](h), dim=1)
        return h


def _block(before: int, after: int, twice: bool) -> nn.Module:
    """Layers under the numbers that they have in the program's sequence."""
    block = nn.Module()
    block.add_module("1", nn.Conv2d(before, 2 * after, 3, padding=1, bias=False))
    if not twice:
        block.add_module("2", nn.BatchNorm2d(2 * after))
        return block
    block.add_module("2", _Noise())
    block.add_module("3", nn.BatchNorm2d(2 * after))
    block.add_module("5", nn.Conv2d(after, 2 * after, 3, padding=1, bias=False))
    block.add_module("6", _Noise())
    block.add_module("7", nn.BatchNorm2d(2 * after))
    return block


class _Noise(nn.Module):
    """Noise of one channel, alike on all, times a learned strength."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor, mode: NoiseMode) -> Tensor:
        if mode == "none":
            return x
        noise = torch.randn(x.size(0), 1, *x.shape[2:], dtype=x.dtype, device=x.device)
        return x + self.weight * noise


class _Excitation(nn.Module):
    """Channels of a large map times what a small one says of them."""

    def __init__(self, small: int, large: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.AdaptiveAvgPool2d(4),
            nn.Conv2d(small, large, 4, bias=False),
            nn.SiLU(),
            nn.Conv2d(large, large, 1, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, small: Tensor, large: Tensor) -> Tensor:
        return large * self.main(small)  # type: ignore[no-any-return]
