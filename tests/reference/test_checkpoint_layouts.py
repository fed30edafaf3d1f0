"""Names and shapes of our networks' tensors against those of the published checkpoint files."""

import re
from typing import Any

import pytest
import torch

from gancompress.generators.build import build
from tests.shared_files import shared

# Listing -> the network that must have exactly these tensors.
LAYOUTS: dict[str, tuple[str, dict[str, Any]]] = {
    "distylegan_generator": ("distylegan", {}),
    "distylegan_discriminator": ("distylegan_discriminator", {}),
    "gaugan_cityscapes": ("spade", {"spectral": True}),
    "mobile_resnet_9blocks": ("resnet", {"separable": True, "dropout": 0.0}),
    "patchgan_70x70": ("patchgan", {}),
    "resnet_9blocks": ("resnet", {"dropout": 0.0}),
    "stylegan2_ada_cifar10": ("stylegan2", {}),
    "sub_mobile_resnet_16_16_32_16_32_32_16_16": (
        "resnet",
        {"separable": True, "dropout": 0.0, "widths": [16, 16, 32, 16, 32, 32, 16, 16]},
    ),
    "unet_256": ("unet", {}),
}


def _listing(name: str) -> dict[str, tuple[int, ...]]:
    text = shared(f"formats/{name}.txt").read_text(encoding="utf-8")
    rows = re.findall(r"^(\S+)\t\((.*)\)$", text, re.MULTILINE)
    return {key: tuple(int(size) for size in re.findall(r"\d+", shape)) for key, shape in rows}


@pytest.mark.parametrize("name", LAYOUTS)
def test_tensors_are_named_and_shaped_as_published(name: str) -> None:
    factory, kwargs = LAYOUTS[name]
    with torch.device("meta"):
        module = build(factory, **kwargs)
    ours = {key: tuple(tensor.shape) for key, tensor in module.state_dict().items()}
    assert ours == _listing(name)


def test_every_listing_is_compared() -> None:
    folder = shared("formats")
    assert {path.stem for path in folder.glob("*.txt")} == set(LAYOUTS)


def test_without_dropout_the_second_convolution_has_the_other_name() -> None:
    with torch.device("meta"):
        ours = build("resnet").state_dict()
    renamed = {re.sub(r"(conv_block)\.6", r"\1.5", key) for key in _listing("resnet_9blocks")}
    assert set(ours) == renamed
