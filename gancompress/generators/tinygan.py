"""TinyGAN (Chang and Lu 2020): a BigGAN student of depthwise separable residual blocks."""

import itertools

from torch import Tensor, nn
from torch.nn import functional as F

from gancompress.batch import Input, InputSpec
from gancompress.errors import RecipeError
from gancompress.generators.spectral import SpectralConv2d, SpectralLinear


class TinyGANGenerator(nn.Module):
    """Latent and class to image; the class sets the scale and shift of every batch norm.

    Args:
        z_dim: length of the latent.
        classes: number of classes (ImageNet as published).
        embed_dim: length of the class embedding.
        width: channels before the last convolution; doubled by each block towards the start.
        blocks: up-sampling blocks.
        resolution: of the image, a multiple of 2^blocks.
        channels: of the image.
    """

    def __init__(
        self,
        z_dim: int = 128,
        classes: int = 1000,
        embed_dim: int = 128,
        width: int = 32,
        blocks: int = 5,
        resolution: int = 128,
        channels: int = 3,
    ) -> None:
        super().__init__()
        self.base = _base("tinygan", resolution, blocks)
        # BigGAN's own latents: standard normal, cut at ±2.
        self.inputs: InputSpec = {
            "z": Input("truncated_normal", (z_dim,), low=-2.0, high=2.0),
            "c": Input("one_hot", (classes,)),
        }
        widest = width * 2 ** (blocks - 1)
        self.embed = nn.Linear(classes, embed_dim, bias=False)
        self.fc = nn.Linear(z_dim, widest * self.base**2)
        widths = [widest, *(widest // 2**i for i in range(blocks))]
        self.blocks = nn.ModuleList(Block(a, b, embed_dim) for a, b in itertools.pairwise(widths))
        self.bn = nn.BatchNorm2d(width)
        self.colorize = nn.Conv2d(width, channels, 3, padding=1)

    def forward(self, z: Tensor, c: Tensor) -> Tensor:
        """(N, z_dim) and one-hot (N, classes) to images (N, channels, H, W) in [-1, 1]."""
        label = self.embed(c)
        h = self.fc(z)
        h = h.view(h.size(0), -1, self.base, self.base)
        for block in self.blocks:
            h = block(h, label)
        return self.colorize(F.relu(self.bn(h))).tanh()  # type: ignore[no-any-return]


class Block(nn.Module):
    """Conditional norm, ReLU, up-sample, separable convolution, twice; a 1×1 shortcut beside."""

    def __init__(self, in_channels: int, out_channels: int, embed_dim: int) -> None:
        super().__init__()
        self.cbn0 = ConditionalNorm(in_channels, embed_dim)
        self.dw_conv1 = nn.Conv2d(in_channels, in_channels, 3, padding=1, groups=in_channels)
        self.pw_conv1 = nn.Conv2d(in_channels, out_channels, 1)
        self.cbn1 = ConditionalNorm(out_channels, embed_dim)
        self.dw_conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, groups=out_channels)
        self.pw_conv2 = nn.Conv2d(out_channels, out_channels, 1)
        self.c_sc = nn.Conv2d(in_channels, out_channels, 1)
        for conv in (self.dw_conv1, self.dw_conv2):
            nn.init.xavier_uniform_(conv.weight, gain=2**0.5)
        for conv in (self.pw_conv1, self.pw_conv2, self.c_sc):
            nn.init.xavier_uniform_(conv.weight)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        h = _double(F.relu(self.cbn0(x, label)))
        h = self.pw_conv1(self.dw_conv1(h))
        h = F.relu(self.cbn1(h, label))
        h = self.pw_conv2(self.dw_conv2(h))
        return h + self.c_sc(_double(x))  # type: ignore[no-any-return]


class ConditionalNorm(nn.Module):
    """Batch norm whose scale and shift are a linear function of the class embedding."""

    def __init__(self, channels: int, embed_dim: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(channels, affine=False)
        self.embed = nn.Linear(embed_dim, 2 * channels)
        # It starts as a plain norm, whatever the class.
        nn.init.normal_(self.embed.weight, 0.0, 0.02)
        nn.init.ones_(self.embed.bias[:channels])
        nn.init.zeros_(self.embed.bias[channels:])

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        scale, shift = self.embed(label).chunk(2, dim=1)
        return scale[:, :, None, None] * self.bn(x) + shift[:, :, None, None]  # type: ignore[no-any-return]


class TinyGANDiscriminator(nn.Module):
    """Spectrally normalised strided convolutions; the class enters by projection.

    Args:
        classes: number of classes.
        width: channels of the first convolution; doubled by each.
        blocks: convolutions, whose maps are the levels of the feature loss.
        channels: of the image.
    """

    def __init__(
        self, classes: int = 1000, width: int = 64, blocks: int = 5, channels: int = 3
    ) -> None:
        super().__init__()
        widths = [channels, *(width * 2**i for i in range(blocks))]
        self.layers = nn.ModuleList(
            SpectralConv2d(a, b, 4, stride=2, padding=1) for a, b in itertools.pairwise(widths)
        )
        self.fc_src = SpectralLinear(widths[-1], 1)
        self.embed = SpectralLinear(classes, widths[-1], bias=False)

    def forward(self, image: Tensor, c: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Images (N, channels, H, W) to logits (N, 1) and the map after each convolution."""
        features: list[Tensor] = []
        h = image
        for layer in self.layers:
            h = F.leaky_relu(layer(h), 0.01)
            features.append(h)
        pooled = h.sum(dim=(2, 3))
        return self.fc_src(pooled) + (pooled * self.embed(c)).sum(dim=1, keepdim=True), features


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


def _base(name: str, resolution: int, blocks: int) -> int:
    """Side of the map that the blocks start from."""
    if blocks < 1 or resolution % 2**blocks:
        raise RecipeError(
            f"{name}: resolution {resolution}, blocks {blocks}: the resolution must be divisible "
            "by 2^blocks"
        )
    return resolution >> blocks
