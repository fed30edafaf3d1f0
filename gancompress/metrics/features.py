"""What a network sees in images: the protocol behind every feature-space metric."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from gancompress.errors import MetricError
from gancompress.metrics.images import check_uint8, resize, with_channels


class Features(NamedTuple):
    """What an extractor gives for N images.

    Attributes:
        features: (N, D) float32, finite.
        logits: (N, K) float32 class scores before the softmax, or None where it has no classes.
    """

    features: Tensor
    logits: Tensor | None


class Extractor(Protocol):
    """Maps 8-bit images to features.

    Attributes:
        name: what scores are called after (``fd_<name>``).
        fingerprint: 16 hexadecimal digits of a hash over the weights and the preparation of images.
        size: side in pixels to which images are resized.
    """

    @property
    def name(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def size(self) -> int: ...
    def __call__(self, images: Tensor) -> Features:
        """Features of uint8 images (N, 1 or 3, H, W); on the network's device."""
        ...


@dataclass(frozen=True, eq=False)
class NetworkExtractor:
    """An extractor made of a network and the preparation of its images.

    Attributes:
        name, fingerprint, size: see :class:`Extractor`.
        channels: 1 or 3, what the network takes; images with the other number are converted.
        network: float images (N, channels, size, size) in 0…255 → (features, logits or None);
            it does its own normalisation.
        antialias: whether shrinking averages over the pixels left out.
        classes: names of the logits, where known.
        taps: submodules of the network whose maps a perceptual distance compares.
    """

    name: str
    fingerprint: str
    size: int
    channels: int
    network: nn.Module
    antialias: bool = True
    classes: tuple[str, ...] | None = None
    taps: tuple[str, ...] = ()

    @property
    def resize(self) -> str:
        """How images reach the network's size, for the record of a score."""
        return f"bilinear{' antialiased' if self.antialias else ''} {self.size}x{self.size}"

    def __call__(self, images: Tensor) -> Features:
        """See :class:`Extractor`.

        Raises:
            MetricError: the images are not uint8 (N, 1 or 3, H, W), or features are not finite.
        """
        check_uint8(images)
        images = images.to(_device_of(self.network))
        # Not inference mode: its tensors could not take part in a later gradient.
        with torch.no_grad():
            prepared = resize(
                with_channels(images, self.channels), self.size, antialias=self.antialias
            )
            features, logits = self.network(prepared)
        features = features.flatten(1).float()
        if not bool(torch.isfinite(features).all()):
            raise MetricError(
                f"extractor {self.name}: features hold NaN or infinite values; "
                "its weights are damaged or do not belong to this network"
            )
        return Features(features, None if logits is None else logits.float())


def hash_weights(weights: Mapping[str, Tensor], preparation: str = "") -> str:
    """16 hexadecimal digits over names, types and values of ``weights``, and ``preparation``."""
    digest = hashlib.sha256(preparation.encode())
    for name in sorted(weights):
        value = weights[name].detach().cpu().contiguous()
        digest.update(f"{name}:{value.dtype}:{tuple(value.shape)};".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def network_extractor(
    name: str,
    network: nn.Module,
    *,
    size: int,
    channels: int,
    antialias: bool = True,
    classes: tuple[str, ...] | None = None,
    taps: tuple[str, ...] = (),
) -> NetworkExtractor:
    """Freeze ``network`` (see :class:`NetworkExtractor`) and take its fingerprint."""
    network = network.eval().requires_grad_(False)
    preparation = f"{type(network).__name__}:{channels}:{size}:{antialias}"
    fingerprint = hash_weights(network.state_dict(), preparation)
    return NetworkExtractor(
        name=name,
        fingerprint=fingerprint,
        size=size,
        channels=channels,
        network=network,
        antialias=antialias,
        classes=classes,
        taps=taps,
    )


def _device_of(network: nn.Module) -> torch.device:
    tensors = [*network.parameters(), *network.buffers()]
    return tensors[0].device if tensors else torch.device("cpu")
