"""StarGAN v2 (Choi et al. 2020): an image rendered in a style code.

Tensor names equal those of the published checkpoints, so their state dicts load without renaming.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gancompress.batch import Input, InputSpec
from gancompress.errors import DataError, RecipeError


class StarGANv2Generator(nn.Module):
    """Down to a map of 8 or 16 pixels and up again, with AdaIN on the way up.

    Args:
        resolution: of the images (img_size), a power of two.
        style_dim: length of a style code.
        width: channels at full resolution; 2^14 / resolution as published.
        channel_max: twice as many after each halving, but at most this.
        downs: halvings.
        domains: number of domains that its mapping network makes styles for, from a latent; 0: it
            is given the style.
        latent_dim: length of that latent.
        high_pass: the form with w_hpf above 0 (CelebA-HQ): its decoder has no shortcuts. Its masks,
            which carry facial detail over, are not used.
    """

    def __init__(
        self,
        resolution: int = 256,
        style_dim: int = 64,
        width: int | None = None,
        channel_max: int = 512,
        downs: int | None = None,
        high_pass: bool = False,
        domains: int = 0,
        latent_dim: int = 16,
    ) -> None:
        super().__init__()
        if resolution < 16 or resolution & (resolution - 1):
            raise RecipeError(f"stargan_v2: resolution {resolution}: must be a power of two, ≥ 16")
        width = 2**14 // resolution if width is None else width
        if downs is None:
            downs = resolution.bit_length() - 5 + int(high_pass)
        self.inputs: InputSpec = {"image": Input("image", (3, resolution, resolution))}
        self.mapping_network: nn.Module | None = None
        if domains:
            self.inputs["z"] = Input("normal", (latent_dim,))
            self.inputs["c"] = Input("one_hot", (domains,))
            self.mapping_network = _Mapping(latent_dim, style_dim, domains)
        else:
            self.inputs["s"] = Input("normal", (style_dim,))
        self.from_rgb = nn.Conv2d(3, width, 3, padding=1)
        self.to_rgb = nn.Sequential(
            nn.InstanceNorm2d(width, affine=True), nn.LeakyReLU(0.2), nn.Conv2d(width, 3, 1)
        )
        encode: list[nn.Module] = []
        decode: list[nn.Module] = []
        for _ in range(downs):
            inner = min(2 * width, channel_max)
            encode.append(_Down(width, inner, halve=True))
            decode.insert(0, _Up(inner, width, style_dim, high_pass, double=True))
            width = inner
        for _ in range(2):
            encode.append(_Down(width, width, halve=False))
            decode.insert(0, _Up(width, width, style_dim, high_pass, double=False))
        self.encode, self.decode = nn.ModuleList(encode), nn.ModuleList(decode)

    def forward(
        self,
        image: Tensor,
        s: Tensor | None = None,
        z: Tensor | None = None,
        c: Tensor | None = None,
    ) -> Tensor:
        """(N, 3, H, W) in [-1, 1], and styles (N, style_dim), or latents (N, latent_dim) and
        one-hot domains (N, domains), to (N, 3, H, W), about [-1, 1].
        """
        if s is None:
            if self.mapping_network is None or z is None or c is None:
                raise DataError("stargan_v2: give a style s, or z and c where it has domains")
            s = self.mapping_network(z, c)
        h = self.from_rgb(image)
        for block in self.encode:
            h = block(h)
        for block in self.decode:
            h = block(h, s)
        return self.to_rgb(h)  # type: ignore[no-any-return]


class _Mapping(nn.Module):
    """A latent and a domain to a style: layers for all domains, then some for each."""

    def __init__(self, latent_dim: int, style_dim: int, domains: int, width: int = 512) -> None:
        super().__init__()
        shared: list[nn.Module] = [nn.Linear(latent_dim, width), nn.ReLU()]
        for _ in range(3):
            shared += [nn.Linear(width, width), nn.ReLU()]
        self.shared = nn.Sequential(*shared)
        self.unshared = nn.ModuleList()
        for _ in range(domains):
            own: list[nn.Module] = []
            for _ in range(3):
                own += [nn.Linear(width, width), nn.ReLU()]
            self.unshared.append(nn.Sequential(*own, nn.Linear(width, style_dim)))

    def forward(self, z: Tensor, c: Tensor) -> Tensor:
        h = self.shared(z)
        styles = torch.stack([own(h) for own in self.unshared], dim=1)
        return (styles * c[:, :, None]).sum(dim=1)


class _Down(nn.Module):
    """Residual block with instance norm; its output keeps unit variance."""

    def __init__(self, in_channels: int, out_channels: int, halve: bool) -> None:
        super().__init__()
        self.halve = halve
        self.conv1 = nn.Conv2d(in_channels, in_channels, 3, padding=1)
        self.conv2 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.norm1 = nn.InstanceNorm2d(in_channels, affine=True)
        self.norm2 = nn.InstanceNorm2d(in_channels, affine=True)
        self.conv1x1 = _shortcut(in_channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(F.leaky_relu(self.norm1(x), 0.2))
        h = F.avg_pool2d(h, 2) if self.halve else h
        h = self.conv2(F.leaky_relu(self.norm2(h), 0.2))
        x = x if self.conv1x1 is None else self.conv1x1(x)
        x = F.avg_pool2d(x, 2) if self.halve else x
        return (x + h) / math.sqrt(2)  # type: ignore[no-any-return]


class _Up(nn.Module):
    """Residual block with AdaIN; without its shortcut in the high-pass form."""

    def __init__(
        self, in_channels: int, out_channels: int, style_dim: int, high_pass: bool, double: bool
    ) -> None:
        super().__init__()
        self.high_pass, self.doubles = high_pass, double
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.norm1 = _AdaIN(style_dim, in_channels)
        self.norm2 = _AdaIN(style_dim, out_channels)
        # The high-pass form has it in its files and never uses it.
        self.conv1x1 = _shortcut(in_channels, out_channels)

    def forward(self, x: Tensor, s: Tensor) -> Tensor:
        h = F.leaky_relu(self.norm1(x, s), 0.2)
        h = self.conv1(_doubled(h) if self.doubles else h)
        h = self.conv2(F.leaky_relu(self.norm2(h, s), 0.2))
        if self.high_pass:
            return h  # type: ignore[no-any-return]
        x = _doubled(x) if self.doubles else x
        x = x if self.conv1x1 is None else self.conv1x1(x)
        return (h + x) / math.sqrt(2)  # type: ignore[no-any-return]


class _AdaIN(nn.Module):
    def __init__(self, style_dim: int, channels: int) -> None:
        super().__init__()
        self.norm = nn.InstanceNorm2d(channels)
        self.fc = nn.Linear(style_dim, 2 * channels)

    def forward(self, x: Tensor, s: Tensor) -> Tensor:
        scale, shift = self.fc(s)[:, :, None, None].chunk(2, dim=1)
        return (1 + scale) * self.norm(x) + shift  # type: ignore[no-any-return]


def _shortcut(in_channels: int, out_channels: int) -> nn.Module | None:
    if in_channels == out_channels:
        return None
    return nn.Conv2d(in_channels, out_channels, 1, bias=False)


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")
