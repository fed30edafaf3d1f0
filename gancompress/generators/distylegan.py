"""DiStyleGAN: a small generator distilled from a black box, and its discriminator.

Sizes and tensor names are those of the published checkpoint folder, which loads without renaming.
"""

import itertools

import torch
from torch import Tensor, nn

from gancompress.batch import Input, InputSpec
from gancompress.errors import RecipeError
from gancompress.generators.spectral import SpectralConv2d, SpectralLinear
from gancompress.generators.up_block import GLU, UpBlock


class DiStyleGANGenerator(nn.Module):
    """Noise and class to image; 2,054,368 parameters as published (CIFAR-10).

    Args:
        z_dim: length of the latent.
        classes: number of classes; 0 for an unconditional generator.
        width: channels at 4×4 (the paper's ngf); halved by every up-sampling block.
        resolution: 4·2^k pixels; k up-sampling blocks.
        channels: of the image.
        project_dim: length that the latent is projected to before the class is joined to it.
    """

    def __init__(
        self,
        z_dim: int = 512,
        classes: int = 10,
        width: int = 256,
        resolution: int = 32,
        channels: int = 3,
        project_dim: int = 128,
    ) -> None:
        super().__init__()
        self.blocks = _halvings("distylegan", resolution)
        if width % 2**self.blocks:
            raise RecipeError(
                f"distylegan: width {width}: must be a multiple of {2**self.blocks}, since each of "
                f"the {self.blocks} blocks to {resolution} pixels halves it"
            )
        self.inputs: InputSpec = {"z": Input("normal", (z_dim,))}
        if classes:
            self.inputs["c"] = Input("one_hot", (classes,))
        self.project = nn.Sequential(
            nn.Linear(z_dim, 2 * project_dim, bias=False),
            nn.BatchNorm1d(2 * project_dim),
            nn.GLU(dim=1),
        )
        self.fc = nn.Sequential(
            nn.Linear(project_dim + classes, 2 * width * 16, bias=False),
            nn.BatchNorm1d(2 * width * 16),
            nn.GLU(dim=1),
        )
        for block in range(1, self.blocks + 1):
            self.add_module(f"upsample{block}", UpBlock(width, width, GLU()))
            width //= 2
        self.img = nn.Sequential(nn.Conv2d(width, channels, 3, padding=1, bias=False), nn.Tanh())
        self.apply(_initialise)

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """(N, z_dim) and one-hot (N, classes) to images (N, channels, H, W) in [-1, 1]."""
        h = self.project(z)
        h = self.fc(h if c is None else torch.cat([h, c], dim=1))
        h = h.view(h.size(0), -1, 4, 4)
        for block in range(1, self.blocks + 1):
            h = self.get_submodule(f"upsample{block}")(h)
        return self.img(h)  # type: ignore[no-any-return]


class DiStyleGANDiscriminator(nn.Module):
    """Spectrally normalised convolutions whose maps give the feature loss; 3,415,178 parameters.

    Args:
        classes: number of classes; 0 for an unconditional discriminator.
        width: channels of the first two convolutions (the paper's ndf).
        resolution: of the images; a power of two, 16 or more.
        channels: of the image.
        project_dim: length of the projection that the class is joined to.
    """

    def __init__(
        self,
        classes: int = 10,
        width: int = 128,
        resolution: int = 32,
        channels: int = 3,
        project_dim: int = 128,
    ) -> None:
        super().__init__()
        blocks = _halvings("distylegan_discriminator", resolution) + 1
        widths = [channels, width, *(width * 2**i for i in range(blocks - 1))]
        self.netD = nn.ModuleList(
            nn.Sequential(
                SpectralConv2d(a, b, 4, stride=2, padding=1),
                nn.LeakyReLU(0.2, inplace=True),
            )
            for a, b in itertools.pairwise(widths)
        )
        self.project = nn.Sequential(
            SpectralLinear(widths[-1] * 4, 2 * project_dim, bias=False), nn.GLU(dim=1)
        )
        self.output = nn.Linear(project_dim + classes, 1, bias=False)

    def forward(self, image: Tensor, c: Tensor | None = None) -> tuple[Tensor, list[Tensor]]:
        """Images (N, channels, H, W) to logits (N, 1) and the maps of the convolutions."""
        features: list[Tensor] = []
        h = image
        for layer in self.netD:
            h = layer(h)
            features.append(h)
        h = self.project(h.flatten(1))
        return self.output(h if c is None else torch.cat([h, c], dim=1)), features


def _halvings(name: str, resolution: int) -> int:
    """How often ``resolution`` halves to 4."""
    blocks = resolution.bit_length() - 3
    if blocks < 1 or resolution != 4 * 2**blocks:
        raise RecipeError(f"{name}: resolution {resolution}: must be a power of two, 8 or more")
    return blocks


def _initialise(module: nn.Module) -> None:
    """Orthogonal weights, as published."""
    if isinstance(module, nn.Conv2d | nn.Linear) and not module.weight.is_meta:
        nn.init.orthogonal_(module.weight)
