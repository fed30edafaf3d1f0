"""AnimeGANv2 (Chen et al. 2020) as its PyTorch port has it: photographs to drawings.

Tensor names equal those of the published checkpoints, so their state dicts load without renaming.
"""

from torch import Tensor, nn
from torch.nn import functional as F

from gancompress.batch import Input, InputSpec


class AnimeGANv2Generator(nn.Module):
    """Two halvings, inverted residual blocks, two bilinear doublings.

    Args:
        width: channels of the first convolution.
        blocks: inverted residual blocks at the lowest resolution.
        resolution: the size it is meant for; any works.
    """

    def __init__(self, width: int = 32, blocks: int = 4, resolution: int = 256) -> None:
        super().__init__()
        self.inputs: InputSpec = {"image": Input("image", (3, resolution, resolution))}
        w2, w4, w8 = 2 * width, 4 * width, 8 * width
        self.block_a = nn.Sequential(_conv(3, width, 7), _conv(width, w2, stride=2), _conv(w2, w2))
        self.block_b = nn.Sequential(_conv(w2, w4, stride=2), _conv(w4, w4))
        inverted = [_Inverted(w4 if index == 0 else w8, w8) for index in range(blocks)]
        self.block_c = nn.Sequential(_conv(w4, w4), *inverted, _conv(w8, w4))
        self.block_d = nn.Sequential(_conv(w4, w4), _conv(w4, w4))
        self.block_e = nn.Sequential(_conv(w4, w2), _conv(w2, w2), _conv(w2, width, 7))
        self.out_layer = nn.Sequential(nn.Conv2d(width, 3, 1, bias=False), nn.Tanh())

    def forward(self, image: Tensor) -> Tensor:
        """(N, 3, H, W) in [-1, 1] to (N, 3, H, W) in [-1, 1]."""
        h = self.block_a(image)
        half = h.shape[2:]
        h = self.block_c(self.block_b(h))
        h = self.block_d(F.interpolate(h, half, mode="bilinear", align_corners=True))
        h = F.interpolate(h, image.shape[2:], mode="bilinear", align_corners=True)
        return self.out_layer(self.block_e(h))  # type: ignore[no-any-return]


class _Inverted(nn.Module):
    """Twice as wide, depthwise, back; added to its input where the widths agree."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        inner = 2 * in_channels
        self.residual = in_channels == out_channels
        self.layers = nn.Sequential(
            _conv(in_channels, inner, 1),
            _conv(inner, inner, depthwise=True),
            nn.Conv2d(inner, out_channels, 1, bias=False),
            nn.GroupNorm(1, out_channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        h: Tensor = self.layers(x)
        return x + h if self.residual else h


def _conv(
    in_channels: int, out_channels: int, size: int = 3, stride: int = 1, depthwise: bool = False
) -> nn.Sequential:
    """Reflected borders, convolution, norm over all channels, leaky ReLU."""
    margin = size // 2
    # A halving pads one row and column at the bottom and the right only.
    pad = (0, 1, 0, 1) if stride == 2 else (margin,) * 4
    groups = in_channels if depthwise else 1
    return nn.Sequential(
        nn.ReflectionPad2d(pad),
        nn.Conv2d(in_channels, out_channels, size, stride, groups=groups, bias=depthwise),
        nn.GroupNorm(1, out_channels),
        nn.LeakyReLU(0.2),
    )
