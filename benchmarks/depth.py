"""What dropping residual branches earns beside narrowing channels, without training a supernet.

    python -m benchmarks.depth [apples vintage anime] [--trials 40] [--steps 200] [--quick]

Flagships as in ``benchmarks.flagships``, and ``apples``: the CycleGAN of apples and tomatoes in
``benchmarks/teachers`` (64², three blocks), solved on 96 apples and judged by 128 others. At 1/8
and 1/20 of the teacher's exact MACs a search compares subnets by the weights that follow from the
teacher's matrices, once of widths alone and once of widths and branches, by their L1 to the teacher
on photographs that are chosen by; the weights of the best are solved for layer by layer and
fine-tuned ``--steps`` updates. L1 and SSIM to the teacher are of photographs that nothing else was
done with.
"""

import copy
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
import torchvision.transforms.functional as pictures
from PIL import Image

import gancompress as gc
from benchmarks.flagships import FLAGSHIPS, SHARED, Flagship, Judge, flagship
from benchmarks.record import record
from benchmarks.start import arguments_of, is_quick, parser_of
from gancompress.reconstruction.solver import Solver, order_channels
from gancompress.training.finetune import finetune, mean_distance

SHARES = ("1/8", "1/20")
TEACHERS = Path(__file__).parent / "teachers"


def apples() -> Flagship:
    teacher = gc.load_teacher(TEACHERS / "teach_cyclegan_apple2tomato.safetensors")
    with zipfile.ZipFile(SHARED / "data" / "apple2tomato-train.zip") as file:
        names = sorted(name for name in file.namelist() if name.startswith("trainA/"))
        random.Random(0).shuffle(names)
        images = [Image.open(file.open(name)).convert("RGB").resize((64, 64)) for name in names]
    counts = [8, 4, 8] if is_quick() else [96, 32, 128]
    tensors = torch.stack([pictures.to_tensor(image) * 2 - 1 for image in images[: sum(counts)]])
    return flagship(teacher, list(tensors.split(counts)), 16)


# Those with their narrowest width.
OWN: dict[str, tuple[Callable[[], Flagship], int]] = {
    **{name: (make, 8) for name, make in FLAGSHIPS.items()},
    "apples": (apples, 2),
}


def measured(name: str, depth: bool, trials: int, steps: int) -> list[dict[str, Any]]:
    """Rows of one flagship."""
    make, minimum = OWN[name]
    what = make()
    assert what.teacher.module is not None
    judge = Judge(what.teacher, what.unseen)
    module = copy.deepcopy(what.teacher.module).requires_grad_(True)
    sizes = {"divisor": minimum, "minimum": minimum}
    supernet = gc.Supernet(module, what.solved[0], depth=depth, **sizes)  # type: ignore[arg-type]
    order_channels(supernet, what.solved)
    solver = Solver.of(supernet, what.solved, seed=0)
    full = supernet.cost_model.cost(supernet.space.largest).macs
    chosen, learned = (
        [(batch, what.teacher(batch)) for batch in part] for part in (what.chosen, what.solved)
    )
    rows = []
    for share in SHARES:
        start = perf_counter()
        settings = gc.SearchSettings(module_at=solver.one_shot, progress=False)
        found = gc.search(
            supernet,
            lambda candidate: mean_distance(candidate, chosen),
            trials=trials,
            mac_budget=share,
            settings=settings,
        ).best(mac_budget=share)
        seconds = perf_counter() - start
        student = gc.reconstruct(supernet, found.subnet, what.solved).eval()
        row: dict[str, Any] = {"flagship": name, "budget": share, "depth": depth}
        row |= {"macs": round(found.costs["macs"] / full, 4), "params": found.costs["params"]}
        row |= {"subnet": found.subnet.text, "search_seconds": round(seconds, 1)}
        row["dropped"] = len(supernet.skips(found.subnet))
        row["one_shot_l1"] = judge(solver.one_shot(found.subnet))["l1"]
        row |= {f"solved_{key}": value for key, value in judge(student).items()}
        finetune(student, learned, chosen, steps=steps)
        row |= {f"tuned_{key}": value for key, value in judge(student).items()}
        rows.append(row)
        print(row, flush=True)
    return rows


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument(
        "flagships", nargs="*", default=["apples", "vintage", "anime"], metavar="FLAGSHIP"
    )
    parser.add_argument("--trials", type=int, default=40, help="subnets compared")
    parser.add_argument("--steps", type=int, default=200, help="of fine-tuning; 0: none")
    parser.add_argument("--note", default="", help="circumstances")
    options = arguments_of(parser, steps=2, trials=3)
    rows = [
        row
        for name in options.flagships
        for depth in (False, True)
        for row in measured(name, depth, options.trials, options.steps)
    ]
    record("depth", rows, trials=options.trials, steps=options.steps, note=options.note)


if __name__ == "__main__":
    main()
