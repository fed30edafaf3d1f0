"""The networks that conversion is checked on, small enough for tests, with inputs to run them."""

import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torchvision
from torch import nn

from gancompress.batch import Batch, example_inputs
from gancompress.generators.build import build
from tests.zoo.biggan import BigGAN
from tests.zoo.modulated import StyleGenerator
from tests.zoo.rrdb import RRDBNet
from tests.zoo.sagan import SAGAN
from tests.zoo.squeeze import SEGenerator


@dataclass(frozen=True)
class Network:
    """A network of the zoo.

    Attributes:
        make: builds it, with random weights.
        inputs: keyword arguments of its forward, two samples; by default as its ``inputs`` say.
        elastic: the share of parameters that must be elastic.
        slow: whether its tests take long.
    """

    make: Callable[[], nn.Module]
    inputs: Callable[[], Batch] | None = None
    elastic: float = 0.95
    slow: bool = False

    def batch(self, module: nn.Module) -> Batch:
        """Two samples to run ``module`` with."""
        return self.inputs() if self.inputs else example_inputs(module.inputs)


# Downloaded weights and data that the project does not depend on.
SHARED = Path(os.environ.get("GANCOMPRESS_SHARED", Path(__file__).parents[3] / "shared"))


def style_wave() -> nn.Module:
    """``examples/style_wave.py``, with its published weights where they are at hand."""
    path = Path(__file__).parents[2] / "examples" / "style_wave.py"
    spec = importlib.util.spec_from_file_location("style_wave", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    weights = SHARED / "weights" / "style-wave.safetensors"
    return module.build(str(weights) if weights.exists() else None)


def images(size: int, low: float = -1.0, high: float = 1.0) -> Callable[[], Batch]:
    return lambda: {"image": low + (high - low) * torch.rand(2, 3, size, size)}


def latents(size: int) -> Callable[[], Batch]:
    return lambda: {"z": torch.randn(2, size)}


def classifier(name: str, slow: bool = True) -> Network:
    return Network(
        lambda: torchvision.models.get_model(name, weights=None),
        lambda: {"x": torch.randn(2, 3, 64, 64)},
        elastic=0.8,
        slow=slow,
    )


PYRAMID = [[8, 12], [16, 24]]

ZOO: dict[str, Network] = {
    "dcgan": Network(lambda: build("dcgan")),
    "distylegan": Network(lambda: build("distylegan", width=64)),
    "tinygan": Network(lambda: build("tinygan", width=8)),
    "resnet": Network(lambda: build("resnet", width=16, blocks=3), images(32)),
    "resnet_separable": Network(
        lambda: build("resnet", width=16, blocks=3, separable=True), images(32)
    ),
    "unet": Network(lambda: build("unet", width=16), images(256)),
    "spade": Network(lambda: build("spade", width=16, size=(64, 128), label_channels=9)),
    "munit": Network(lambda: build("munit", width=16), images(32)),
    "stylegan2": Network(lambda: build("stylegan2", channel_base=1024, channel_max=64)),
    "consingan": Network(lambda: build("consingan", sizes=PYRAMID, width=32)),
    "srresnet": Network(lambda: build("srresnet", width=16, blocks=2), images(8)),
    "sagan": Network(SAGAN, lambda: {"z": torch.randn(2, 128), "label": torch.tensor([1, 7])}),
    "biggan": Network(BigGAN, lambda: {"z": torch.randn(2, 80), "c": torch.eye(10)[[1, 7]]}),
    "rrdb": Network(lambda: RRDBNet(width=32, growth=16), images(8)),
    "squeeze": Network(SEGenerator, images(16)),
    "modulated": Network(StyleGenerator, latents(64)),
    "style_wave": Network(style_wave, images(32, 0.0, 255.0)),
    "resnet50": classifier("resnet50"),
    "mobilenet_v3_large": classifier("mobilenet_v3_large"),
    "efficientnet_b0": classifier("efficientnet_b0"),
    "densenet121": classifier("densenet121"),
    "shufflenet_v2_x1_0": classifier("shufflenet_v2_x1_0"),
    "regnet_y_400mf": classifier("regnet_y_400mf"),
    "convnext_tiny": classifier("convnext_tiny"),
}
