"""Published networks as extractors; each takes float RGB or grey images in 0…255.

Their distances compare models within one study and are named after the network, never FID.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from gancompress.errors import MetricError
from gancompress.metrics.features import NetworkExtractor, network_extractor

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)
# Channel means of the Caffe models, in their order: blue, green, red.
_CAFFE_MEAN = (104.0, 117.0, 123.0)

_CIFAR10 = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)

# Where a perceptual distance listens: the layers of Zhang et al. 2018 (LPIPS).
_TAPS: Mapping[str, tuple[int, ...]] = {
    "alexnet": (1, 4, 7, 9, 11),
    "vgg16": (3, 8, 15, 22, 29),
}


def read_weights(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Tensors of a ``.safetensors`` file, or of a PyTorch file (``weights_only``).

    Raises:
        MetricError: the file is missing, damaged, or wants to execute something.
    """
    place = Path(path).expanduser()
    if not place.is_file():
        raise MetricError(f"{place}: no such weight file")
    try:
        if place.suffix == ".safetensors":
            return load_file(place)
        weights = torch.load(place, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError, RuntimeError, EOFError, ValueError) as error:
        raise MetricError(f"{place}: cannot be read as weights ({error})") from None
    except Exception as error:  # the unpickler has its own classes; none of them is a tensor file
        raise MetricError(
            f"{place}: refused, it holds more than tensors ({type(error).__name__})"
        ) from None
    if not isinstance(weights, dict) or not all(isinstance(v, Tensor) for v in weights.values()):
        raise MetricError(f"{place}: holds no plain mapping of names to tensors (a state dict)")
    return weights


def load_into(network: nn.Module, weights: Mapping[str, Tensor], place: str) -> None:
    """Fill ``network`` with exactly ``weights``.

    Raises:
        MetricError: names or shapes differ; names the first that do.
    """
    try:
        network.load_state_dict(dict(weights))
    except RuntimeError as error:
        reasons = str(error).splitlines()[1:3]
        raise MetricError(
            f"{place}: does not fit {type(network).__name__}:{' '.join(reasons)}"
        ) from None


def squeezenet(path: str | os.PathLike[str], *, size: int = 224) -> NetworkExtractor:
    """SqueezeNet 1.0 in its Caffe preparation (BGR minus channel means), Iandola et al. 2016.

    Features are the last Fire module pooled (512), logits the 1000 ImageNet classes.

    Args:
        path: weights with torchvision's names.
        size: side of the images; the network takes 64 and more, and keeps meaning up to 256.
    """
    _at_least(size, 64, "squeezenet")
    network = _SqueezeNet()
    load_into(network.net, read_weights(path), os.fspath(path))
    taps = tuple(f"net.features.{index}" for index in (1, 4, 5, 8, 9, 10, 12))
    return network_extractor("squeezenet", network, size=size, channels=3, taps=taps)


def resnet20(path: str | os.PathLike[str], *, size: int = 32) -> NetworkExtractor:
    """CIFAR-10 ResNet-20 with option-A shortcuts (He et al. 2016, §4.2); 64 features, 10 logits."""
    network = _ResNet20()
    weights = {
        name: value
        for name, value in read_weights(path).items()
        if not name.endswith("num_batches_tracked")
    }
    for name in network.state_dict():
        if name.endswith("num_batches_tracked"):
            weights[name] = torch.tensor(0)
    load_into(network, weights, os.fspath(path))
    taps = ("layer1", "layer2", "layer3")
    return network_extractor(
        "resnet20", network, size=size, channels=3, taps=taps, classes=_CIFAR10
    )


def lenet5(path: str | os.PathLike[str], *, size: int = 32) -> NetworkExtractor:
    """LeNet-5 for digits with ReLU, grey 32×32; 84 features (f6), 10 logits."""
    network = _LeNet5()
    load_into(network, read_weights(path), os.fspath(path))
    classes = tuple(str(digit) for digit in range(10))
    taps = ("convnet.r1", "convnet.r3")
    return network_extractor("lenet5", network, size=size, channels=1, taps=taps, classes=classes)


def torchvision_backbone(
    name: str, path: str | os.PathLike[str] | None = None, *, size: int = 224
) -> NetworkExtractor:
    """Any torchvision classifier; features are what its last linear layer reads.

    Args:
        name: of the model, e.g. ``resnet18``.
        path: of its weights; without one torchvision's own are taken from its cache or downloaded.
        size: side of the images.

    Raises:
        MetricError: unknown name, no linear layer, or weights that cannot be had.
    """
    from torchvision import models

    if name not in models.list_models(module=models):
        raise MetricError(f"torchvision has no classifier {name!r}; see torchvision.models")
    try:
        weights = None if path is not None else "DEFAULT"
        net = models.get_model(name, weights=weights)
    except (OSError, RuntimeError) as error:
        url = models.get_model_weights(name)["DEFAULT"].url
        raise MetricError(
            f"torchvision:{name}: its weights cannot be downloaded ({error}); put {url} into "
            f"{torch.hub.get_dir()}/checkpoints, or name a file: torchvision:{name}:FILE"
        ) from None
    if path is not None:
        load_into(net, read_weights(path), os.fspath(path))
    taps = tuple(f"net.features.{index}" for index in _TAPS.get(name, ()))
    return network_extractor(name, _Backbone(name, net), size=size, channels=3, taps=taps)


class _SqueezeNet(nn.Module):
    def __init__(self) -> None:
        from torchvision.models import squeezenet1_0

        super().__init__()
        self.net = squeezenet1_0(weights=None)
        self.register_buffer("mean", torch.tensor(_CAFFE_MEAN).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.net.features(images.flip(1) - self.get_buffer("mean"))
        return maps.mean((2, 3)), self.net.classifier(maps).flatten(1)


class _Backbone(nn.Module):
    """A torchvision classifier in ImageNet's normalisation, read before its last linear layer."""

    def __init__(self, name: str, net: nn.Module) -> None:
        super().__init__()
        linears = [module for module in net.modules() if isinstance(module, nn.Linear)]
        if not linears:
            raise MetricError(f"torchvision:{name}: ends in no linear layer; take another backbone")
        self.net = net
        self.register_buffer("mean", torch.tensor(_IMAGENET_MEAN).view(1, 3, 1, 1) * 255.0)
        self.register_buffer("std", torch.tensor(_IMAGENET_STD).view(1, 3, 1, 1) * 255.0)
        self._read: list[Tensor] = []
        linears[-1].register_forward_pre_hook(self._keep)

    def _keep(self, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        self._read = [inputs[0]]

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        logits = self.net((images - self.get_buffer("mean")) / self.get_buffer("std"))
        return self._read.pop(), logits


class _BasicBlock(nn.Module):
    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.stride = 1 if channels_in == channels else 2
        self.conv1 = nn.Conv2d(channels_in, channels, 3, self.stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.stride == 2:
            # Option A: every second pixel, and zeros for the new channels on either side.
            missing = out.shape[1] - x.shape[1]
            x = F.pad(x[..., ::2, ::2], (0, 0, 0, 0, missing // 2, missing - missing // 2))
        return F.relu(out + x)


class _ResNet20(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        for index, (before, channels) in enumerate(((16, 16), (16, 32), (32, 64)), start=1):
            blocks = [_BasicBlock(width, channels) for width in (before, channels, channels)]
            setattr(self, f"layer{index}", nn.Sequential(*blocks))
        self.linear = nn.Linear(64, 10)
        mean = torch.tensor(_IMAGENET_MEAN).view(1, 3, 1, 1) * 255.0
        std = torch.tensor(_IMAGENET_STD).view(1, 3, 1, 1) * 255.0
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("std", std, persistent=False)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        x = (images - self.get_buffer("mean")) / self.get_buffer("std")
        x = F.relu(self.bn1(self.conv1(x)))
        for index in (1, 2, 3):
            x = getattr(self, f"layer{index}")(x)
        features = x.mean((2, 3))
        return features, self.linear(features)


class _LeNet5(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convnet = nn.Sequential()
        for name, module in (
            ("c1", nn.Conv2d(1, 6, 5)),
            ("r1", nn.ReLU()),
            ("s2", nn.MaxPool2d(2)),
            ("c3", nn.Conv2d(6, 16, 5)),
            ("r3", nn.ReLU()),
            ("s4", nn.MaxPool2d(2)),
            ("c5", nn.Conv2d(16, 120, 5)),
            ("r5", nn.ReLU()),
        ):
            self.convnet.add_module(name, module)
        self.fc = nn.Sequential()
        self.fc.add_module("f6", nn.Linear(120, 84))
        self.fc.add_module("r6", nn.ReLU())
        self.fc.add_module("f7", nn.Linear(84, 10))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.fc[:2](self.convnet(images / 255.0).flatten(1))
        return features, self.fc[2](features)


def _at_least(size: int, smallest: int, name: str) -> None:
    if size < smallest:
        raise MetricError(f"{name} at {size} px: it takes {smallest} px and more")
