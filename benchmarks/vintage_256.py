"""Students of the published CycleGAN at 256², on photographs that nothing saw.

    python -m benchmarks.vintage_256 [STUDENT …] [--count 100]

The 100 photographs of ``val/`` in photos-bsds300.zip, cut to squares; students by default those in
``benchmarks/students``, trained on ``train/`` alone (docs/results.md). Distances are to the
teacher's pictures. Writes ``benchmarks/results/vintage_256.json``.
"""

import io
import zipfile
from pathlib import Path

import torch
import torchvision.transforms.functional as pictures
from PIL import Image
from torch import Tensor

import gancompress as gc
from benchmarks.contest import Measured
from benchmarks.flagships import SHARED, Flagship
from benchmarks.record import record
from benchmarks.start import HERE, arguments_of, is_quick, parser_of
from gancompress.metrics.macs import count_macs

SIDE = 256
STUDENTS = [HERE / "students" / f"vintage-1of{part}.safetensors" for part in (9, 16, 21)]


def validation(count: int, side: int) -> Tensor:
    """Squares (count, 3, side, side) in [-1, 1] of the photographs in ``val/``."""
    with zipfile.ZipFile(SHARED / "data" / "photos-bsds300.zip") as file:
        names = sorted(n for n in file.namelist() if n.startswith("val/") and n.endswith(".jpg"))
        images = [Image.open(io.BytesIO(file.read(n))).convert("RGB") for n in names[:count]]
    squares = [pictures.center_crop(image, [min(image.size)] * 2) for image in images]
    resized = [pictures.resize(image, [side, side], antialias=True) for image in squares]
    return torch.stack([pictures.to_tensor(image) for image in resized]) * 2 - 1


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("students", nargs="*", type=Path, default=STUDENTS, metavar="STUDENT")
    parser.add_argument("--count", type=int, default=100, help="of photographs")
    options = arguments_of(parser, count=4, students=STUDENTS[-1:])
    torch.set_num_threads(1)
    teacher = gc.load_teacher(SHARED / "weights" / "vintage-cyclegan.safetensors")
    side = 64 if is_quick() else SIDE
    batches = [{"image": part} for part in validation(options.count, side).split(4)]
    judge = Measured(Flagship(teacher, [], [], batches))
    first = {"image": batches[0]["image"][:1]}
    assert teacher.module is not None
    whole = count_macs(teacher.module, first).exact
    rows = []
    for path in options.students:
        student = gc.load(path).eval()
        macs = count_macs(student, first).exact
        rows.append({"student": path.stem, "MACs ÷": round(whole / macs, 1), **judge(student)})
    record("vintage_256", rows, photographs=options.count, side=side)


if __name__ == "__main__":
    main()
