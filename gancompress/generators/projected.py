"""A discriminator that sees images through a fixed network, at several scales.

Sauer et al. 2021, Projected GANs Converge Faster (NeurIPS).
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancompress.generators.spectral import SpectralConv2d
from gancompress.metrics.feature_network import FeatureNetwork, open_network
from gancompress.metrics.tapped import AUTO

# Side of the maps that logits are taken from.
SIDE = 4


class ProjectedDiscriminator(nn.Module):
    """Small discriminators on randomly mixed maps of a fixed network, one a scale (sec. 3.2, 4).

    Maps of the network are brought to a common number of channels by fixed random 1×1 convolutions,
    and joined from deep to shallow by fixed random 3×3 ones (cross-channel and cross-scale mixing).
    The network and the mixing are not trained. The class enters by projection (Miyato 2018). Images
    should be augmented, for real ones are soon known by heart (``teach.augment``).

    Args:
        network: as ``evaluate.extractor`` names one, e.g. ``squeezenet@64:weights.safetensors``.
            Another one than judges the result: scores in the same features flatter.
        taps: its submodules, shallow to deep; ``auto``: four of those that it is known for.
        classes: number of classes; 0 for an unconditional discriminator.
        mixed: channels of the mixed maps.
        width: channels of the small discriminators.
    """

    def __init__(
        self,
        network: str,
        taps: tuple[str, ...] = (AUTO,),
        classes: int = 0,
        mixed: int = 64,
        width: int = 64,
    ) -> None:
        super().__init__()
        self._network = open_network("projected_discriminator", network, taps, "cpu")
        if list(taps) == [AUTO]:
            self._network = _few(self._network, 4)
        # Registered, so that it moves to the device with the rest.
        self.fixed = self._network.extractor.network
        shapes = self._shapes()
        self.mix = nn.ModuleList(nn.Conv2d(channels, mixed, 1) for channels in shapes)
        self.join = nn.ModuleList(nn.Conv2d(mixed, mixed, 3, padding=1) for _ in pairwise(shapes))
        for layer in (*self.mix, *self.join):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
            layer.requires_grad_(False)
        self.heads = nn.ModuleList(
            nn.Sequential(
                SpectralConv2d(mixed, width, 3, padding=1),
                nn.LeakyReLU(0.2),
                nn.AdaptiveAvgPool2d(SIDE),
                SpectralConv2d(width, width, 3, padding=1),
                nn.LeakyReLU(0.2),
            )
            for _ in shapes
        )
        self.logits = nn.ModuleList(SpectralConv2d(width, 1, 1) for _ in shapes)
        self.embed = nn.ModuleList(nn.Linear(classes, width, bias=False) for _ in shapes if classes)

    def forward(self, image: Tensor, c: Tensor | None = None) -> tuple[Tensor, list[Tensor]]:
        """Images (N, 1 or 3, H, W) in [-1, 1] to logits (N, scales · 16) and the mixed maps."""
        mixed: list[Tensor] = []
        above: Tensor | None = None
        levels = [
            mix(level) for mix, level in zip(self.mix, self._network.maps(image), strict=True)
        ]
        # From deep to shallow: what lies below is seen by every scale above it.
        for level, join in zip(reversed(levels), [None, *reversed(self.join)], strict=True):
            if join is not None and above is not None:
                size = level.shape[2:]
                level = level + join(F.interpolate(above, size=size, mode="bilinear"))
            above = level
            mixed.insert(0, level)
        found = []
        for number, level in enumerate(mixed):
            h = self.heads[number](level)
            logits = self.logits[number](h)
            if c is not None and self.embed:
                heard = self.embed[number](c)[:, :, None, None] * h
                logits = logits + heard.sum(dim=1, keepdim=True) / h.shape[1]
            found.append(logits.flatten(1))
        return torch.cat(found, dim=1), mixed

    def train(self, mode: bool = True) -> "ProjectedDiscriminator":
        """As of any module; the fixed network stays in evaluation mode."""
        super().train(mode)
        self.fixed.eval()
        return self

    def _shapes(self) -> list[int]:
        """Channels of the taps."""
        size = self._network.extractor.size
        with torch.no_grad():
            return [level.shape[1] for level in self._network.maps(torch.zeros(1, 3, size, size))]


def _few(network: FeatureNetwork, count: int) -> FeatureNetwork:
    """With ``count`` of its taps, the first and the last among them."""
    taps = network.taps
    chosen = [taps[round(i * (len(taps) - 1) / (count - 1))] for i in range(count)]
    return FeatureNetwork(network.extractor, tuple(dict.fromkeys(chosen)))
