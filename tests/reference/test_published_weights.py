"""Published weights, read from the files themselves."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from gancompress.batch import example_inputs
from gancompress.data.images import to_float
from gancompress.teachers.from_file import from_file
from tests.shared_files import shared

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"

# File -> its published parameters and enlargement.
SUPER_RESOLUTION = {
    "realesrgan-x4plus": (16_697_987, 4),
    "realesrgan-x4plus-anime-6b": (4_467_779, 4),
    "realesr-animevideov3": (621_424, 4),
}


def photograph(width: int, height: int) -> Tensor:
    """A natural photograph, (1, 3, height, width) in [-1, 1]."""
    archive = zipfile.ZipFile(shared("data/photos-bsds300.zip"))
    name = sorted(name for name in archive.namelist() if name.endswith(".jpg"))[5]
    with Image.open(io.BytesIO(archive.read(name))) as image:
        pixels = np.asarray(image.convert("RGB").resize((width, height)))
    return to_float(torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None])


@pytest.mark.parametrize("name", SUPER_RESOLUTION)
def test_published_super_resolution_enlarges_a_photograph(name: str) -> None:
    parameters, scale = SUPER_RESOLUTION[name]
    teacher = from_file(shared(f"weights/{name}.safetensors"))
    assert sum(p.numel() for p in teacher.module.parameters()) == parameters
    assert (teacher.inputs["image"].low, teacher.inputs["image"].high) == (0, 1)
    small = photograph(64, 48)
    large = teacher({"image": (small + 1) / 2})
    assert large.shape == (1, 3, scale * 48, scale * 64)
    # In [-1, 1], and the same picture when it is made small again.
    assert (F.avg_pool2d(large, scale) - small).abs().mean() < 0.04


def test_published_cyclegan_with_affine_norms_gives_a_picture_of_its_input() -> None:
    teacher = from_file(shared("weights/vintage-cyclegan.safetensors"))
    assert sum(p.numel() for p in teacher.module.parameters()) == 11_388_675
    photo = photograph(160, 104)
    picture = teacher({"image": photo})
    grey = [F.avg_pool2d(image.mean(dim=1), 4).flatten() for image in (photo, picture)]
    assert torch.corrcoef(torch.stack(grey))[0, 1] > 0.7


def test_published_dcgan_gives_different_faces() -> None:
    teacher = from_file(shared("weights/faces-dcgan.safetensors"))
    assert sum(p.numel() for p in teacher.module.parameters()) == 3_576_704
    faces = teacher(teacher.sample_inputs(range(16), seed=0))
    assert faces.shape == (16, 3, 64, 64)
    # Neither noise (neighbouring pixels agree) nor one picture (samples differ).
    assert (faces[..., 1:] - faces[..., :-1]).abs().mean() < 0.15
    assert faces.std(dim=0).mean() > 0.3


@pytest.mark.parametrize(
    "path", sorted(BENCHMARKS.glob("*/*.safetensors")), ids=lambda path: path.stem
)
def test_files_that_come_along_load_and_answer(path: Path) -> None:
    teacher = from_file(path)
    answer = teacher(example_inputs(teacher.inputs, 1))
    assert answer.isfinite().all()
    assert answer.std() > 0.05
