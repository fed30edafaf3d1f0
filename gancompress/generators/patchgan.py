"""The discriminator that judges patches (Isola et al. 2017), so of any image size."""

import torch
from torch import Tensor, nn

from gancompress.generators.norms import Norm, needs_bias, norm
from gancompress.generators.resnet import initialise
from gancompress.generators.spectral import SpectralConv2d


class PatchGAN(nn.Module):
    """Strided 4×4 convolutions to one logit a patch; 70×70 pixels with three layers.

    Tensor names equal those of the published checkpoints.

    Args:
        in_channels: of the image and its condition together: 3 in CycleGAN, 6 in pix2pix.
        width: channels of the first convolution (ndf); doubled by each layer up to eight times.
        layers: convolutions of stride 2.
        norm_kind: ``instance`` (CycleGAN) or ``batch`` (pix2pix).
        spectral: spectral norm on all convolutions but the last (GauGAN).
    """

    def __init__(
        self,
        in_channels: int = 3,
        width: int = 64,
        layers: int = 3,
        norm_kind: Norm = "instance",
        spectral: bool = False,
    ) -> None:
        super().__init__()
        conv = SpectralConv2d if spectral else nn.Conv2d
        bias = needs_bias(norm_kind)
        modules: list[nn.Module] = [conv(in_channels, width, 4, stride=2, padding=1)]
        modules.append(nn.LeakyReLU(0.2))
        channels = width
        for layer in range(1, layers + 1):
            out = width * min(2**layer, 8)
            stride = 2 if layer < layers else 1
            modules.append(conv(channels, out, 4, stride=stride, padding=1, bias=bias))
            modules += [norm(norm_kind, out), nn.LeakyReLU(0.2)]
            channels = out
        modules.append(nn.Conv2d(channels, 1, 4, padding=1))
        self.model = nn.Sequential(*modules)
        self.apply(initialise)

    def forward(
        self, image: Tensor, condition: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """Images (N, C, H, W), joined after the ``condition`` maps where given.

        Returns:
            Logits (N, 1, h, w), one a patch, and the map after each activation.
        """
        h = image if condition is None else torch.cat([condition, image], dim=1)
        features: list[Tensor] = []
        for module in self.model:
            h = module(h)
            if isinstance(module, nn.LeakyReLU):
                features.append(h)
        return h, features


class MultiscalePatchGAN(nn.Module):
    """One PatchGAN for each of several image sizes, halved by averaging (GauGAN, MUNIT).

    Args:
        scales: discriminators, each on images half as large as the one before.
        in_channels, width, layers, norm_kind, spectral: of each, as in :class:`PatchGAN`.
    """

    def __init__(
        self,
        scales: int = 2,
        in_channels: int = 39,
        width: int = 64,
        layers: int = 3,
        norm_kind: Norm = "instance",
        spectral: bool = False,
    ) -> None:
        super().__init__()
        self.discriminators = nn.ModuleList(
            PatchGAN(in_channels, width, layers=layers, norm_kind=norm_kind, spectral=spectral)
            for _ in range(scales)
        )

    def forward(
        self, image: Tensor, condition: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """Images (N, C, H, W), joined after the ``condition`` maps where given.

        Returns:
            Logits (N, P), of the patches of every scale, and the maps of every scale, large to
            small.
        """
        joined = image if condition is None else torch.cat([condition, image], dim=1)
        logits: list[Tensor] = []
        features: list[Tensor] = []
        for discriminator in self.discriminators:
            patches, maps = discriminator(joined)
            logits.append(patches.flatten(1))
            features += maps
            joined = nn.functional.avg_pool2d(joined, 3, stride=2, padding=1)
        return torch.cat(logits, dim=1), features
