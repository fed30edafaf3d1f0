"""The one network whose Fréchet distance may be called FID (Heusel et al. 2017).

It is TensorFlow's Inception of 2015-12-05 as pytorch-fid ported it. The weights come from a given
file, from PyTorch's download cache, or from pytorch-fid's release page, and are known by checksum.
"""

import hashlib
import os
from pathlib import Path
from urllib.error import URLError

import torch
from pytorch_fid import inception as pytorch_fid_inception
from torch import Tensor, nn
from torchvision.models import inception_v3

from gancompress.errors import MetricError
from gancompress.metrics.features import Extractor, NetworkExtractor
from gancompress.metrics.networks import load_into, read_weights

URL: str = pytorch_fid_inception.FID_WEIGHTS_URL
# pytorch-fid puts the first digits of the file's SHA-256 into its name.
CHECKSUM = "6726825d"
SIZE = 299


class InceptionNetwork(nn.Module):
    """Float images (N, 3, 299, 299) in 0…255 → (pooled features (N, 2048), logits (N, 1008)).

    Logits leave out the bias of the last layer, as TensorFlow's Inception score does.
    """

    def __init__(self) -> None:
        super().__init__()
        self.net = _architecture().to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        # Channels last: the same numbers in two thirds of the time on a CPU.
        x = (2.0 * (images / 255.0) - 1.0).contiguous(memory_format=torch.channels_last)
        for name, module in self.net.named_children():
            if name in ("avgpool", "dropout", "fc"):
                break
            x = module(x)
        features = x.mean((2, 3))
        return features, features @ self.net.get_parameter("fc.weight").t()


def _architecture() -> nn.Module:
    """torchvision's Inception with pytorch-fid's blocks where TensorFlow's differ."""
    net: nn.Module = inception_v3(
        weights=None, num_classes=1008, aux_logits=False, init_weights=False
    )
    for name, block in (
        ("Mixed_5b", pytorch_fid_inception.FIDInceptionA(192, pool_features=32)),
        ("Mixed_5c", pytorch_fid_inception.FIDInceptionA(256, pool_features=64)),
        ("Mixed_5d", pytorch_fid_inception.FIDInceptionA(288, pool_features=64)),
        ("Mixed_6b", pytorch_fid_inception.FIDInceptionC(768, channels_7x7=128)),
        ("Mixed_6c", pytorch_fid_inception.FIDInceptionC(768, channels_7x7=160)),
        ("Mixed_6d", pytorch_fid_inception.FIDInceptionC(768, channels_7x7=160)),
        ("Mixed_6e", pytorch_fid_inception.FIDInceptionC(768, channels_7x7=192)),
        ("Mixed_7b", pytorch_fid_inception.FIDInceptionE_1(1280)),
        ("Mixed_7c", pytorch_fid_inception.FIDInceptionE_2(2048)),
    ):
        setattr(net, name, block)
    return net


def inception(path: str | os.PathLike[str] | None = None) -> NetworkExtractor:
    """The official FID network.

    Args:
        path: of the weights; without one, PyTorch's download cache, and failing that a download
            with a progress bar.

    Raises:
        MetricError: the file is not the official one, or it cannot be had; says where to put it.
    """
    place = _download() if path is None else Path(path).expanduser()
    if not place.is_file():
        raise MetricError(f"{place}: no such file; the FID network is at {URL}")
    checksum = hashlib.sha256(place.read_bytes()).hexdigest()
    if not checksum.startswith(CHECKSUM):
        raise MetricError(
            f"{place}: SHA-256 begins with {checksum[:8]}, the FID network's with {CHECKSUM}; "
            f"it is damaged or another network. Get {URL}"
        )
    network = InceptionNetwork()
    load_into(network.net, read_weights(place), str(place))
    return inception_extractor(network, checksum[:16])


def inception_extractor(network: InceptionNetwork, fingerprint: str) -> NetworkExtractor:
    """``network`` in FID's preparation: bilinear to 299×299 without antialiasing."""
    return NetworkExtractor(
        name="inception",
        fingerprint=fingerprint,
        size=SIZE,
        channels=3,
        network=network.eval().requires_grad_(False),
        antialias=False,
        taps=("net.maxpool1", "net.maxpool2", "net.Mixed_6e", "net.Mixed_7c"),
    )


def frechet_name(extractor: Extractor) -> str:
    """``fid`` for the official network with the official weights, otherwise ``fd_<extractor>``."""
    official = extractor.name == "inception" and extractor.fingerprint.startswith(CHECKSUM)
    return "fid" if official else f"fd_{extractor.name}"


def _download() -> Path:
    place = Path(torch.hub.get_dir()) / "checkpoints" / URL.rpartition("/")[2]
    if place.is_file():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(URL, str(place), hash_prefix=CHECKSUM, progress=True)
    except (URLError, OSError, RuntimeError) as error:
        raise MetricError(
            f"the FID network cannot be downloaded ({error}). Fetch {URL} elsewhere and put it at "
            f"{place}, or name the file: inception:FILE"
        ) from None
    return place
