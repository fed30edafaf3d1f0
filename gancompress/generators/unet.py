"""The U-Net generator of pix2pix (Isola et al. 2017).

Tensor names equal those of the published checkpoints, so their state dicts load without renaming.
"""

import torch
from torch import Tensor, nn

from gancompress.batch import Input, InputSpec
from gancompress.errors import RecipeError
from gancompress.generators.norms import Norm, needs_bias, norm
from gancompress.generators.resnet import initialise


class UNetGenerator(nn.Module):
    """Down to one pixel and up again, with a skip connection at every resolution.

    Args:
        in_channels: of the input image.
        out_channels: of the output image.
        width: channels after the first down-sampling (ngf); at most eight times as many inside.
        downs: down-samplings; 8 is UNet-256, 7 is UNet-128. Images are multiples of 2^downs.
        norm_kind: ``batch`` as published, or ``instance``.
        bias: of the convolutions before a norm, and of the first; None as published, where the norm
            is an instance norm.
        dropout: probability in the up-samplings between the innermost and the three outer levels.
        resolution: the size it is meant for; None for 2^downs.
    """

    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 3,
        width: int = 64,
        downs: int = 8,
        norm_kind: Norm = "batch",
        dropout: float = 0.5,
        resolution: int | None = None,
        bias: bool | None = None,
    ) -> None:
        super().__init__()
        if downs < 5:
            raise RecipeError(f"unet: downs {downs}: must be 5 or more (7 is UNet-128, 8 UNet-256)")
        size = 2**downs if resolution is None else resolution
        self.inputs: InputSpec = {"image": Input("image", (in_channels, size, size))}
        biased = needs_bias(norm_kind) if bias is None else bias
        block = _Level(8 * width, 8 * width, inside=None, norm_kind=norm_kind, bias=biased)
        for _ in range(downs - 5):
            block = _Level(
                8 * width,
                8 * width,
                inside=block,
                norm_kind=norm_kind,
                bias=biased,
                dropout=dropout,
            )
        for outer in (4 * width, 2 * width, width):
            block = _Level(outer, 2 * outer, inside=block, norm_kind=norm_kind, bias=biased)
        self.model = _Outermost(
            in_channels, width, out_channels=out_channels, inside=block, bias=biased
        )
        self.apply(initialise)

    def forward(self, image: Tensor) -> Tensor:
        """(N, in_channels, H, W) in [-1, 1] to (N, out_channels, H, W) in [-1, 1]."""
        return self.model(image)  # type: ignore[no-any-return]


class _Level(nn.Module):
    """One resolution: down, what is ``inside``, up; joined to its own input."""

    def __init__(
        self,
        outer: int,
        inner: int,
        inside: nn.Module | None,
        norm_kind: Norm,
        bias: bool,
        dropout: float | None = None,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.LeakyReLU(0.2)]
        layers.append(nn.Conv2d(outer, inner, 4, stride=2, padding=1, bias=bias))
        if inside is not None:
            layers += [norm(norm_kind, inner), inside]
        joined = inner if inside is None else 2 * inner
        layers.append(nn.ReLU())
        layers.append(nn.ConvTranspose2d(joined, outer, 4, stride=2, padding=1, bias=bias))
        layers.append(norm(norm_kind, outer))
        if dropout is not None:
            layers.append(nn.Dropout(dropout))
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.model(x)], dim=1)


class _Outermost(nn.Module):
    def __init__(
        self, in_channels: int, width: int, out_channels: int, inside: nn.Module, bias: bool
    ) -> None:
        super().__init__()
        self.model = nn.Sequential(
            nn.Conv2d(in_channels, width, 4, stride=2, padding=1, bias=bias),
            inside,
            nn.ReLU(),
            nn.ConvTranspose2d(2 * width, out_channels, 4, stride=2, padding=1),
            nn.Tanh(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)  # type: ignore[no-any-return]
