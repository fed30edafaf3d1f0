"""The published teachers that benchmarks compress, with inputs to solve, choose and judge by.

``vintage`` (a published CycleGAN at 128²; 48 photographs to solve on, 16 to choose by, 80 to judge
by), ``faces`` (a published DCGAN of faces at 64²; 512, 128 and 512 latents), ``anime`` (Real-ESRGAN
anime-6B, 32² to 128²; 48, 16 and 40 photographs), ``wave`` (fast style transfer at 128²; 48, 16 and
80 photographs).
"""

import io
import os
import random
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torchvision.transforms.functional as pictures
from PIL import Image
from torch import Tensor, nn

import gancompress as gc
from benchmarks.start import is_quick
from gancompress.batch import DRAWN, Batch, batch_size, in_range
from gancompress.data.answered import DrawnAnswers
from gancompress.data.images import to_uint8
from gancompress.metrics.frechet import frechet_distance, statistics_of
from gancompress.metrics.networks import squeezenet
from gancompress.metrics.similarity import ssim
from gancompress.training.finetune import Answers

SHARED = Path(os.environ.get("GANCOMPRESS_SHARED", "../shared"))
WAVE = Path(__file__).parents[1] / "examples" / "style_wave.py"


@dataclass(frozen=True)
class Flagship:
    """A teacher, with batches to solve on, to choose fine-tuned weights by, and to judge by."""

    teacher: gc.Teacher
    solved: list[Batch]
    chosen: list[Batch]
    unseen: list[Batch]


def vintage(seed: int = 0) -> Flagship:
    file = SHARED / "weights" / "vintage-cyclegan.safetensors"
    parts = photographs(128, 48, 16, 80, seed=seed)
    return flagship(gc.load_teacher(file), parts, 4)


def anime(seed: int = 0) -> Flagship:
    file = SHARED / "weights" / "realesrgan-x4plus-anime-6b.safetensors"
    parts = photographs(32, 48, 16, 40, seed=seed)
    return flagship(gc.load_teacher(file), parts, 8)


def wave(seed: int = 0) -> Flagship:
    from examples.style_wave import build

    spec = {"image": gc.Input("image", (3, 128, 128), 0, 255)}
    module = build(str(SHARED / "weights" / "style-wave.safetensors"))
    teacher = gc.Teacher(module, spec, output_range=(0, 255))
    return flagship(teacher, photographs(128, 48, 16, 80, seed=seed), 4)


def faces(seed: int = 0) -> Flagship:
    teacher = gc.load_teacher(SHARED / "weights" / "faces-dcgan.safetensors")
    counts = [64, 32, 64] if is_quick() else [512, 128, 512]
    starts = [0, counts[0], counts[0] + counts[1]]
    parts = [
        [
            teacher.sample_inputs(range(s, min(s + 64, start + count)), seed)
            for s in range(start, start + count, 64)
        ]
        for start, count in zip(starts, counts, strict=True)
    ]
    return Flagship(teacher=teacher, solved=parts[0], chosen=parts[1], unseen=parts[2])


FLAGSHIPS: dict[str, Callable[..., Flagship]] = {
    "vintage": vintage,
    "anime": anime,
    "wave": wave,
    "faces": faces,
}


def photographs(side: int, *counts: int, seed: int = 0) -> list[Tensor]:
    """Square photographs (N, 3, side, side) in [-1, 1], as many of each part."""
    counts = tuple(min(count, 4) for count in counts) if is_quick() else counts
    squares = [
        pictures.resize(pictures.center_crop(image, [min(image.shape[1:])] * 2), [side, side])
        for image in _read(0, sum(counts), seed)
    ]
    return list(torch.stack(squares).split(list(counts)))


def crops(side: int, count: int, each: int, seed: int = 0) -> Tensor:
    """Squares (count · each, 3, side, side) in [-1, 1] of the last ``count`` photographs: at least
    half as wide as these are, half of them mirrored."""
    rng, squares = random.Random(1), []
    for image in _read(300 - count, count, seed):
        height, width = image.shape[1:]
        for _ in range(each):
            size = rng.randint(min(height, width) // 2, min(height, width))
            top, left = rng.randint(0, height - size), rng.randint(0, width - size)
            square = pictures.resized_crop(image, top, left, size, size, [side, side])
            squares.append(pictures.hflip(square) if rng.random() < 0.5 else square)
    return torch.stack(squares)


def _read(start: int, count: int, seed: int) -> list[Tensor]:
    """Photographs (3, H, W) in [-1, 1], in the order of a seed."""
    with zipfile.ZipFile(SHARED / "data" / "photos-bsds300.zip") as file:
        names = sorted(name for name in file.namelist() if name.endswith(".jpg"))
        random.Random(seed).shuffle(names)
        return [
            pictures.to_tensor(Image.open(io.BytesIO(file.read(name))).convert("RGB")) * 2 - 1
            for name in names[start : start + count]
        ]


def flagship(teacher: gc.Teacher, parts: list[Tensor], size: int) -> Flagship:
    """Photographs in batches of ``size``, in the range that the teacher wants."""
    ((name, entry),) = teacher.inputs.items()
    solved, chosen, unseen = (
        [{name: in_range(batch, entry)} for batch in part.split(size)] for part in parts
    )
    return Flagship(teacher=teacher, solved=solved, chosen=chosen, unseen=unseen)


class Judge:
    """Distances to the teacher's images of inputs that nothing was done with."""

    def __init__(self, teacher: gc.Teacher, batches: list[Batch]) -> None:
        self._batches = batches
        self._targets = [teacher(batch) for batch in batches]
        weights = SHARED / "weights" / "squeezenet1_0-imagenet.safetensors"
        self._extract = squeezenet(weights, size=128)
        self._whole = statistics_of(self._features(self._targets))

    def __call__(self, module: nn.Module) -> dict[str, float]:
        with torch.no_grad():
            made = [module.eval()(**batch) for batch in self._batches]
        a, b = torch.cat(made), torch.cat(self._targets)
        frechet = frechet_distance(statistics_of(self._features(made)), self._whole)
        return {
            "l1": round(float((a - b).abs().mean()), 4),
            "ssim": round(float(ssim(to_uint8(a), to_uint8(b)).mean()), 4),
            "fd_squeezenet": round(frechet, 2),
        }

    def _features(self, images: list[Tensor]) -> Tensor:
        return torch.cat([torch.as_tensor(self._extract(to_uint8(i)).features) for i in images])


def learned(what: Flagship, side: int, seed: int) -> Answers:
    """Inputs to fine-tune on, others than those of the flagship."""
    teacher, size = what.teacher, batch_size(what.solved[0])
    if all(entry.kind in DRAWN for entry in teacher.inputs.values()):
        return DrawnAnswers(teacher, size, 4 if is_quick() else 256, seed + 1000)
    ((name, entry),) = teacher.inputs.items()
    squares = crops(side, 2 if is_quick() else 156, 4, seed)
    assert teacher.module is not None
    sized = {name: gc.Input("image", squares.shape[1:], entry.low, entry.high)}
    data = {name: in_range(squares, entry)}
    asked = gc.Teacher(teacher.module, sized, data=data)
    return DrawnAnswers(asked, size, len(squares) // size, seed)
