"""How near a student comes to its teacher before any training, and after a little.

    python -m benchmarks.reconstruct vintage faces [--steps 200] [--quick]

Flagships: ``vintage`` (a published CycleGAN at 128², 48 photographs to solve on, 80 others to judge
by), ``faces`` (a published DCGAN of faces at 64², 512 latents and 512 others), ``anime``
(Real-ESRGAN anime-6B, 32² to 128², 48 and 40 patches of photographs), ``wave`` (fast style transfer
at 128², 48 and 80 photographs). Widths are uniform but for ``vintage`` at 1/12, which a search
chose. Channels are sorted by Taylor scores, except in the rows ``cut, as trained``.

For each: L1 to the teacher in [-1, 1], SSIM, Fréchet distance in SqueezeNet's features to the
teacher's images, seconds; and L1 after ``--steps`` updates of fine-tuning. One file a flagship:
``benchmarks/results/reconstruct_NAME.json``.
"""

import copy
import io
import os
import random
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
import torchvision.transforms.functional as pictures
from PIL import Image
from torch import Tensor, nn

import gancompress as gc
from benchmarks.record import record
from benchmarks.start import arguments_of, is_quick, parser_of
from gancompress.batch import Batch, in_range
from gancompress.data.images import to_uint8
from gancompress.metrics.frechet import frechet_distance, statistics_of
from gancompress.metrics.networks import squeezenet
from gancompress.metrics.similarity import ssim
from gancompress.supernet.calibrate import calibrate
from gancompress.supernet.importance import sort_channels, taylor_scores
from gancompress.training.finetune import finetune

SHARED = Path(os.environ.get("GANCOMPRESS_SHARED", "../shared"))
WAVE = Path(__file__).parents[1] / "examples" / "style_wave.py"
# What a search of the trained supernet chose for the CycleGAN at 1/12 of its MACs.
CHOSEN = (16, 56, 64, 96, 72, 80, 64, 80, 72, 40, 72, 88, 48, 24)


@dataclass(frozen=True)
class Flagship:
    """A teacher, batches to solve on, others to choose fine-tuned weights by, others to judge by,
    and subnets by their share of the MACs (a width ratio, or widths)."""

    teacher: gc.Teacher
    solved: list[Batch]
    chosen: list[Batch]
    unseen: list[Batch]
    subnets: dict[str, float | Sequence[int]]


def vintage() -> Flagship:
    file = SHARED / "weights" / "vintage-cyclegan.safetensors"
    parts = photographs(128, 48, 16, 80)
    return flagship(gc.load_teacher(file), parts, 4, {"1/12": CHOSEN, "1/4": 0.5})


def anime() -> Flagship:
    file = SHARED / "weights" / "realesrgan-x4plus-anime-6b.safetensors"
    parts = photographs(32, 48, 16, 40)
    return flagship(gc.load_teacher(file), parts, 8, {"1/4": 0.5, "1/9": 1 / 3})


def wave() -> Flagship:
    from examples.style_wave import build

    spec = {"image": gc.Input("image", (3, 128, 128), 0, 255)}
    module = build(str(SHARED / "weights" / "style-wave.safetensors"))
    teacher = gc.Teacher(module, spec, output_range=(0, 255))
    return flagship(teacher, photographs(128, 48, 16, 80), 4, {"1/4": 0.5, "1/8": 0.36})


def faces() -> Flagship:
    teacher = gc.load_teacher(SHARED / "weights" / "faces-dcgan.safetensors")
    counts = [64, 32, 64] if is_quick() else [512, 128, 512]
    starts = [0, counts[0], counts[0] + counts[1]]
    parts = [
        [
            teacher.sample_inputs(range(s, min(s + 64, start + count)), 0)
            for s in range(start, start + count, 64)
        ]
        for start, count in zip(starts, counts, strict=True)
    ]
    return Flagship(
        teacher=teacher,
        solved=parts[0],
        chosen=parts[1],
        unseen=parts[2],
        subnets={"1/8": 0.35, "1/16": 0.25},
    )


FLAGSHIPS: dict[str, Callable[[], Flagship]] = {
    "vintage": vintage,
    "anime": anime,
    "wave": wave,
    "faces": faces,
}


def photographs(side: int, *counts: int) -> list[Tensor]:
    """Square photographs (N, 3, side, side) in [-1, 1], as many of each part."""
    counts = tuple(min(count, 4) for count in counts) if is_quick() else counts
    squares = [
        pictures.resize(pictures.center_crop(image, [min(image.shape[1:])] * 2), [side, side])
        for image in _read(0, sum(counts))
    ]
    return list(torch.stack(squares).split(list(counts)))


def crops(side: int, count: int, each: int) -> Tensor:
    """Squares (count · each, 3, side, side) in [-1, 1] of the last ``count`` photographs: at least
    half as wide as these are, half of them mirrored."""
    rng, squares = random.Random(1), []
    for image in _read(300 - count, count):
        height, width = image.shape[1:]
        for _ in range(each):
            size = rng.randint(min(height, width) // 2, min(height, width))
            top, left = rng.randint(0, height - size), rng.randint(0, width - size)
            square = pictures.resized_crop(image, top, left, size, size, [side, side])
            squares.append(pictures.hflip(square) if rng.random() < 0.5 else square)
    return torch.stack(squares)


def _read(start: int, count: int) -> list[Tensor]:
    """Photographs (3, H, W) in [-1, 1], in an order that is always the same."""
    with zipfile.ZipFile(SHARED / "data" / "photos-bsds300.zip") as file:
        names = sorted(name for name in file.namelist() if name.endswith(".jpg"))
        random.Random(0).shuffle(names)
        return [
            pictures.to_tensor(Image.open(io.BytesIO(file.read(name))).convert("RGB")) * 2 - 1
            for name in names[start : start + count]
        ]


def flagship(
    teacher: gc.Teacher,
    parts: list[Tensor],
    size: int,
    subnets: dict[str, float | Sequence[int]],
) -> Flagship:
    """Photographs in batches of ``size``, in the range that the teacher wants."""
    ((name, entry),) = teacher.inputs.items()
    solved, chosen, unseen = (
        [{name: in_range(batch, entry)} for batch in part.split(size)] for part in parts
    )
    return Flagship(teacher=teacher, solved=solved, chosen=chosen, unseen=unseen, subnets=subnets)


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


def measured(name: str, steps: int) -> list[dict[str, Any]]:
    """Rows of one flagship."""
    what = FLAGSHIPS[name]()
    assert what.teacher.module is not None
    judge = Judge(what.teacher, what.unseen)
    module = copy.deepcopy(what.teacher.module)
    supernet = gc.Supernet(module.requires_grad_(True), what.solved[0])
    subnets = {
        share: supernet.space.uniform(widths)
        if isinstance(widths, float)
        else supernet.space.check(widths)
        for share, widths in what.subnets.items()
    }
    full = supernet.cost_model.cost(supernet.space.largest).macs
    rows: list[dict[str, Any]] = []

    def add(share: str, way: str, student: nn.Module, seconds: float, tuned: bool) -> None:
        cost = supernet.cost_model.cost(subnets[share]).macs
        row = {"subnet": share, "macs": round(cost / full, 4), "way": way}
        row |= {**judge(student), "seconds": round(seconds, 2)}
        if tuned and steps:
            start = perf_counter()
            learned, chosen = (
                [(batch, what.teacher(batch)) for batch in part]
                for part in (what.solved, what.chosen)
            )
            finetune(student, learned, chosen, steps=steps)
            row["tuned_l1"] = judge(student)["l1"]
            row["tuning_seconds"] = round(perf_counter() - start, 1)
        rows.append(row)
        print(row, flush=True)

    for share, subnet in subnets.items():
        cut = supernet.extract(subnet)
        calibrate(cut, what.solved[:8])
        add(share, "cut, as trained", cut, 0.0, tuned=False)
    start = perf_counter()
    sort_channels(supernet, taylor_scores(supernet, what.solved[:8], seed=0))
    print("taylor", perf_counter() - start)
    start = perf_counter()
    gathered = gc.gather(supernet, what.solved)
    print("gathered", perf_counter() - start, flush=True)
    for share, subnet in subnets.items():
        ways: dict[str, Callable[[], nn.Module]] = {
            "cut, sorted": lambda subnet=subnet: supernet.extract(subnet),  # type: ignore[misc]
            "one-shot": lambda subnet=subnet: gathered.module(subnet),  # type: ignore[misc]
            "sequential": lambda subnet=subnet: gc.reconstruct(  # type: ignore[misc]
                supernet, subnet, what.solved
            ),
        }
        for way, make in ways.items():
            start = perf_counter()
            student = make()
            seconds = perf_counter() - start
            if way == "cut, sorted":
                calibrate(student, what.solved[:8])
            add(share, way, student, seconds, tuned=way != "one-shot")
    return rows


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("flagships", nargs="*", default=list(FLAGSHIPS), metavar="FLAGSHIP")
    parser.add_argument("--steps", type=int, default=200, help="of fine-tuning; 0: none")
    parser.add_argument("--note", default="", help="circumstances")
    options = arguments_of(parser, steps=2)
    for name in options.flagships:
        rows = measured(name, options.steps)
        record(f"reconstruct_{name}", rows, steps=options.steps, note=options.note)


if __name__ == "__main__":
    main()
