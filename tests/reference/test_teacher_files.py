"""Every published checkpoint whose tensors are listed is recognised, at its published size."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from gancompress.errors import TeacherError
from gancompress.teachers.recognise import Recognised, recognise
from tests.shared_files import shared

# File -> family, published parameters, and what must be read off the shapes.
PUBLISHED: dict[str, tuple[str, int, dict[str, Any]]] = {
    "resnet_9blocks": ("resnet", 11_378_179, {"width": 64, "blocks": 9, "separable": False}),
    "mobile_resnet_9blocks": ("resnet", 1_987_075, {"width": 64, "separable": True}),
    "sub_mobile_resnet_16_16_32_16_32_32_16_16": (
        "resnet",
        356_867,
        {"widths": [16, 16, 32, 16, 32, 32, 16, 16], "separable": True, "narrow": "all"},
    ),
    "unet_256": ("unet", 54_413_955, {"width": 64, "downs": 8, "norm_kind": "batch"}),
    "gaugan_cityscapes": (
        "spade",
        93_048_003,
        {"width": 64, "label_channels": 36, "upsampling": "more", "size": (256, 512)},
    ),
    "distylegan_generator": ("distylegan", 2_054_368, {"width": 256, "z_dim": 512, "classes": 10}),
    "stylegan2_ada_cifar10": (
        "stylegan2",
        20_215_315,
        {"z_dim": 512, "classes": 10, "w_dim": 512, "resolution": 32, "mapping_layers": 2},
    ),
}


def listed(path: Path) -> dict[str, Tensor]:
    """Tensors of the names and shapes that a file lists, each of one number repeated."""
    found = re.findall(r"^(\S+)\t\((.*)\)$", path.read_text(), re.MULTILINE)
    shapes = {name: [int(n) for n in re.findall(r"\d+", shape)] for name, shape in found}
    return {name: torch.full((), 0.5).expand(shape) for name, shape in shapes.items()}


def recognised(name: str) -> Recognised:
    return recognise(listed(shared(f"formats/{name}.txt")), name)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_file_is_recognised(name: str) -> None:
    family, parameters, arguments = PUBLISHED[name]
    found = recognised(name)
    assert found.family == family
    assert arguments.items() <= found.kwargs.items()
    assert sum(p.numel() for p in found.module.parameters()) == parameters


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("patchgan_70x70", "a discriminator \\(PatchGAN\\); give the generator's file"),
        ("distylegan_discriminator", "not a generator of a family that is known"),
    ],
)
def test_published_discriminator_is_no_generator(name: str, message: str) -> None:
    with pytest.raises(TeacherError, match=message):
        recognised(name)
