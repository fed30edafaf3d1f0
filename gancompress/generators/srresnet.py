"""SRResNet (Ledig et al. 2017): a residual generator for super-resolution."""

from torch import Tensor, nn

from gancompress.batch import Input, InputSpec
from gancompress.errors import RecipeError


class SRResNetGenerator(nn.Module):
    """Residual blocks at low resolution, then sub-pixel convolutions.

    Args:
        channels: of the images.
        width: channels inside.
        blocks: residual blocks.
        scale: enlargement, a power of two.
        norm: batch norms, as published; later SR networks leave them out.
        resolution: of the small image it is meant for; any size works.
    """

    def __init__(
        self,
        channels: int = 3,
        width: int = 64,
        blocks: int = 16,
        scale: int = 4,
        norm: bool = True,
        resolution: int = 64,
    ) -> None:
        super().__init__()
        if scale < 2 or scale & (scale - 1):
            raise RecipeError(f"srresnet: scale {scale}: must be 2, 4, 8, …")
        self.inputs: InputSpec = {"image": Input("image", (channels, resolution, resolution))}
        self.head = nn.Sequential(nn.Conv2d(channels, width, 9, padding=4), nn.PReLU())
        self.blocks = nn.Sequential(*(ResidualBlock(width, norm) for _ in range(blocks)))
        self.join = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=not norm))
        if norm:
            self.join.append(nn.BatchNorm2d(width))
        self.up = nn.Sequential()
        for _ in range(scale.bit_length() - 1):
            self.up.append(nn.Conv2d(width, 4 * width, 3, padding=1))
            self.up.append(nn.PixelShuffle(2))
            self.up.append(nn.PReLU())
        self.tail = nn.Conv2d(width, channels, 9, padding=4)

    def forward(self, image: Tensor) -> Tensor:
        """(N, channels, H, W) in [-1, 1] to (N, channels, scale·H, scale·W), about [-1, 1]."""
        h = self.head(image)
        h = h + self.join(self.blocks(h))
        return self.tail(self.up(h))  # type: ignore[no-any-return]


class ResidualBlock(nn.Module):
    """Convolution, norm, PReLU, convolution, norm, added to the input."""

    def __init__(self, width: int, norm: bool) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for last in (False, True):
            layers.append(nn.Conv2d(width, width, 3, padding=1, bias=not norm))
            if norm:
                layers.append(nn.BatchNorm2d(width))
            if not last:
                layers.append(nn.PReLU())
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)  # type: ignore[no-any-return]
