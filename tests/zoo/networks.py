"""The networks that conversion is checked on, small enough for tests, with inputs to run them."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import torch
import torchvision
from torch import Tensor, nn

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
        inputs: keyword arguments of its forward; by default what its own ``inputs`` say.
        elastic: the share of parameters that must be elastic.
    """

    make: Callable[[], nn.Module]
    inputs: Callable[[], Batch] | None = None
    elastic: float = 0.95

    def batch(self, module: nn.Module) -> Batch:
        """Two samples to run ``module`` with."""
        return self.inputs() if self.inputs else example_inputs(module.inputs)


def style_wave() -> ModuleType:
    """``examples/style_wave.py``, imported as a user's file is."""
    path = Path(__file__).parents[2] / "examples" / "style_wave.py"
    spec = importlib.util.spec_from_file_location("style_wave", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def images(size: int, channels: int = 3) -> Callable[[], Batch]:
    return lambda: {"image": torch.rand(2, channels, size, size) * 2 - 1}


def photographs() -> Batch:
    return {"x": torch.randn(2, 3, 64, 64)}


def latents(size: int) -> Callable[[], Batch]:
    return lambda: {"z": torch.randn(2, size)}


def torchvision_model(name: str, keyword: str = "x") -> Network:
    return Network(
        lambda: torchvision.models.get_model(name, weights=None),
        lambda: {keyword: torch.randn(2, 3, 64, 64)},
        elastic=0.8,
    )


GENERATORS: dict[str, Network] = {
    "dcgan": Network(lambda: build("dcgan")),
    "distylegan": Network(lambda: build("distylegan")),
    "resnet": Network(lambda: build("resnet"), images(32)),
    "resnet_separable": Network(lambda: build("resnet", separable=True), images(32)),
    "unet": Network(lambda: build("unet"), images(256)),
    "spade": Network(lambda: build("spade", size=(64, 128))),
    "sagan": Network(SAGAN, lambda: {"z": torch.randn(2, 128), "label": torch.tensor([1, 7])}),
    "biggan": Network(BigGAN, lambda: {"z": torch.randn(2, 80), "c": torch.eye(10)[[1, 7]]}),
    "rrdb": Network(RRDBNet, images(8)),
    "squeeze": Network(SEGenerator, images(16)),
    "modulated": Network(StyleGenerator, latents(64)),
    "style_wave": Network(
        lambda: style_wave().build(), lambda: {"image": torch.rand(2, 3, 32, 32) * 255}
    ),
}

TORCHVISION: dict[str, Network] = {
    name: torchvision_model(name)
    for name in (
        "resnet50",
        "mobilenet_v3_large",
        "efficientnet_b0",
        "densenet121",
        "shufflenet_v2_x1_0",
        "regnet_y_400mf",
        "convnext_tiny",
    )
}
