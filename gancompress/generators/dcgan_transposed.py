"""DCGAN (Radford et al. 2016) with transposed convolutions, as PyTorch's example writes it.

Tensor names equal those of the example's files (``main.0`` … ``main.12`` for 64×64), so their state
dicts load without renaming.
"""

import itertools
from collections.abc import Sequence

from torch import Tensor, nn

from gancompress.batch import Input, InputSpec
from gancompress.errors import RecipeError


class TransposedDCGANGenerator(nn.Module):
    """A latent to an image through transposed 4×4 convolutions, batch norms and ReLUs.

    Args:
        z_dim: length of the latent.
        widths: channels of each map between latent and image, from 4×4 pixels on; each map is twice
            as large as the one before it.
        channels: of the image, which has 4·2^len(widths) pixels a side.
        bias: of the convolutions; published without.
        last_bias: of the last convolution alone; None for as ``bias``.
    """

    def __init__(
        self,
        z_dim: int = 100,
        widths: Sequence[int] = (512, 256, 128, 64),
        channels: int = 3,
        bias: bool = False,
        last_bias: bool | None = None,
    ) -> None:
        super().__init__()
        if not widths or min(z_dim, channels, *widths) < 1:
            raise RecipeError(f"dcgan_transposed: widths {list(widths)}: give positive numbers")
        self.inputs: InputSpec = {"z": Input("normal", (z_dim,))}
        layers: list[nn.Module] = []
        for index, (a, b) in enumerate(itertools.pairwise([z_dim, *widths])):
            # From the latent's one pixel to 4×4, and twice as large from then on.
            stride, padding = (2, 1) if index else (1, 0)
            layers += [nn.ConvTranspose2d(a, b, 4, stride, padding, bias=bias)]
            layers += [nn.BatchNorm2d(b), nn.ReLU()]
        last = bias if last_bias is None else last_bias
        layers += [nn.ConvTranspose2d(widths[-1], channels, 4, 2, 1, bias=last), nn.Tanh()]
        self.main = nn.Sequential(*layers)
        self.apply(_initialise)

    def forward(self, z: Tensor) -> Tensor:
        """(N, z_dim) to images (N, channels, H, W) in [-1, 1]."""
        return self.main(z[:, :, None, None])  # type: ignore[no-any-return]


def _initialise(module: nn.Module) -> None:
    """Weights ~ N(0, .02), scales of the norms ~ N(1, .02), as published."""
    if isinstance(module, nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)
