"""Ways to make a published generator small, at equal data and equally many updates.

    python -m benchmarks.contest faces [--share 1/8] [--steps 600] [--seeds 0 1 2] [--ways ours …]

Flagships: ``faces`` (a published DCGAN of faces, 64²), ``vintage`` (a published CycleGAN, 128²),
``anime`` (Real-ESRGAN anime-6B, patches of 32² to 128²), ``wave`` (fast style transfer, 128²).
The ways, which are trained by the same loss for the same number of updates, where nothing else is
said:

=================== =============================================================================
ours                channels sorted, widths searched by one-shot weights, weights solved in order
uniform             the same with uniform widths that fill the budget to 2 %
unsolved            ours with the weights as cut
pruned              channels sorted by first-order importance, uniform widths, weights as cut
scratch             uniform widths, weights drawn anew
gan_compression     Li et al. 2020: a supernet of uniformly sampled subnets with adapted features,
                    trained as long as the student; evolution by inherited weights; fine-tuning
distylegan          noise only: DiStyleGAN's student of the same MACs with its own loss, black box
compact             super-resolution only: SRVGGNetCompact from scratch
compact_published   the same as its authors trained it
=================== =============================================================================

Each is measured on inputs that nothing was done with: L1 and SSIM to the teacher, Fréchet distances
in SqueezeNet's and ResNet-20's features to the teacher's images (neither was used in training).
``minutes`` are of the processor, from the teacher to the student. A row that stands in
``benchmarks/results/contest_FLAGSHIP.json`` is not measured again unless ``--again``. Pairs and
students are kept in ``runs/contest``.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import process_time
from typing import Any

import torch
from torch import Tensor, nn

import gancompress as gc
from benchmarks import flagships
from benchmarks.contestants import WAYS, Contest, Entrant, Training, macs_of
from benchmarks.flagships import SHARED, Judge
from benchmarks.record import known, record, summary, table
from benchmarks.start import arguments_of, folder, is_quick, parser_of
from gancompress.batch import in_range
from gancompress.data.images import to_uint8
from gancompress.data.live import Pairs
from gancompress.metrics.frechet import frechet_distance, statistics_of
from gancompress.metrics.networks import resnet20
from gancompress.report.grid import save_grid
from gancompress.student.file import Student, save_student
from gancompress.supernet.calibrate import calibrate

# What is averaged over the seeds, and how many pictures are shown.
COLUMNS = ("macs", "l1", "ssim", "fd_squeezenet", "fd_resnet20", "minutes")
SHOWN = 8

COMMON = ("ours", "uniform", "unsolved", "pruned", "scratch", "gan_compression")


@dataclass(frozen=True)
class Setting:
    """How the students of one flagship are trained.

    Attributes:
        side: pixels of the crops that they learn from; 0: the teacher is fed latents.
        count: pairs.
        training: but for the steps.
        ways: what is compared.
        share: of the teacher's MACs.
    """

    side: int
    count: int
    training: Training
    ways: tuple[str, ...] = COMMON
    share: str = "1/8"


SETTINGS = {
    "faces": Setting(
        0, 16_000, Training({"l1": 1.0}, 2e-3, 64, 600), (*COMMON, "distylegan")
    ),
    "vintage": Setting(128, 624, Training({"l1": 1.0}, 5e-4, 4, 300), share="1/12"),
    "anime": Setting(
        32, 624, Training({"l1": 1.0}, 5e-4, 8, 400), (*COMMON, "compact", "compact_published"),
        share="1/9",
    ),
    "wave": Setting(128, 624, Training({"l1": 1.0}, 5e-4, 4, 400)),
}  # fmt: skip


def pairs_of(name: str, what: flagships.Flagship, kept: Path) -> Pairs:
    """Pairs to learn from; none of their inputs is solved on, chosen by or measured by."""
    setting = SETTINGS[name]
    count = 64 if is_quick() else setting.count
    if not setting.side:
        # The numbers of the latents that are solved on and measured by are small with the seed 0.
        return gc.collect(what.teacher, None, count, held_out=2, folder=kept / "pairs", seed=1)
    ((key, entry),) = what.teacher.inputs.items()
    crops = flagships.crops(setting.side, 4 if is_quick() else 156, 4)
    teacher = gc.Teacher(_module(what.teacher), sized(what.teacher, setting.side))
    return gc.collect(
        teacher,
        {key: in_range(crops, entry)},
        len(crops) - 2,
        held_out=2,
        folder=kept / "pairs",
        options=gc.CollectOptions(batch_size=setting.training.batch_size),
    )


def _module(teacher: gc.Teacher) -> nn.Module:
    assert teacher.module is not None
    return teacher.module


def sized(teacher: gc.Teacher, side: int) -> dict[str, gc.Input]:
    """Its inputs with another size of the image."""
    return {
        name: gc.Input("image", (entry.shape[0], side, side), entry.low, entry.high)
        for name, entry in teacher.inputs.items()
    }


class Measured:
    """A student on inputs that nothing was done with."""

    def __init__(self, what: flagships.Flagship) -> None:
        self._judge, self._batches = Judge(what.teacher, what.unseen), what.unseen
        self._extract = resnet20(SHARED / "weights" / "resnet20-cifar10.safetensors")
        self._whole = statistics_of(self._features([what.teacher(b) for b in what.unseen]))

    def __call__(self, module: nn.Module) -> dict[str, float]:
        with torch.no_grad():
            made = [module(**batch) for batch in self._batches]
        frechet = frechet_distance(statistics_of(self._features(made)), self._whole)
        return {**self._judge(module), "fd_resnet20": round(frechet, 4)}

    def _features(self, images: list[Tensor]) -> Tensor:
        return torch.cat([torch.as_tensor(self._extract(to_uint8(i)).features) for i in images])


def trained(contest: Contest, entrant: Entrant) -> nn.Module:
    """The student after its training, batch norms calibrated."""
    what, training = contest.flagship, contest.training
    if entrant.trained:
        return entrant.module.eval()
    supernet = gc.Supernet(entrant.module.train().requires_grad_(True), what.solved[0])
    gc.distill(
        supernet,
        contest.pairs,
        dict[Any, Any](entrant.loss or training.loss),
        steps=training.steps,
        options=training.options(fixed=supernet.space.largest.text),
        settings=gc.DistillSettings(
            discriminator=entrant.discriminator, features=entrant.features, seed=contest.seed
        ),
    )
    module = supernet.module.eval()
    calibrate(module, what.solved[:8])
    return module


def measured(contest: Contest, way: str, judge: Measured, kept: Path) -> dict[str, Any]:
    """One row."""
    start = process_time()
    entrant = WAYS[way](contest)
    before = {} if entrant.trained else judge(entrant.module.eval())
    begun = process_time()
    module = trained(contest, entrant)
    minutes = (process_time() - start) / 60
    torch.save(module, kept / f"{way}-{contest.seed}.pt")
    return {
        "way": way,
        "seed": contest.seed,
        "macs": round(macs_of(module, contest.flagship.solved[0]) / contest.full, 4),
        "l1_before": before.get("l1", ""),
        **judge(module),
        "minutes": round(minutes, 2),
        "minutes_training": round((process_time() - begun) / 60, 2),
        "subnet": entrant.subnet,
    }


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("flagships", nargs="*", default=["faces"], metavar="FLAGSHIP")
    parser.add_argument("--share", default="", help="of the teacher's MACs")
    parser.add_argument("--steps", type=int, default=0, help="of the training")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--ways", nargs="+", default=[], help="; default: all")
    parser.add_argument("--again", action="store_true", help="measure what has been measured")
    parser.add_argument("--picture", default="", metavar="FILE", help="show those of seed 0 (PNG)")
    parser.add_argument("--student", default="", metavar="FILE", help="write ours of seed 0 (fp16)")
    options = arguments_of(parser, steps=2, seeds=[0])
    for name in options.flagships:
        setting = SETTINGS[name]
        training = replace(setting.training, steps=options.steps or setting.training.steps)
        share = options.share or setting.share
        kept = kept_in() / name / share.replace("/", "-")
        kept.mkdir(parents=True, exist_ok=True)
        what = flagships.FLAGSHIPS[name]()
        pairs, judge = pairs_of(name, what, kept.parent), Measured(what)
        rows = [] if options.again else known(f"contest_{name}")
        for seed in options.seeds:
            contest = Contest(flagship=what, pairs=pairs, share=share, training=training, seed=seed)
            for way in options.ways or setting.ways:
                if (way, seed, share) not in {(r["way"], r["seed"], r["share"]) for r in rows}:
                    rows.append({"share": share, **measured(contest, way, judge, kept)})
                    record(f"contest_{name}", rows, training=asdict(training))
        print(table(summary(rows, COLUMNS)))
        if options.student:
            write(what, share, rows, kept, options.student)
        if options.picture:
            draw(what, options.ways or setting.ways, kept, options.picture)


def draw(what: flagships.Flagship, ways: Sequence[str], kept: Path, path: str) -> None:
    """The same inputs through the teacher and the students of the seed 0."""
    batch = what.unseen[0]
    batch = {name: value[:SHOWN] for name, value in batch.items()}
    pictures = {
        name: (batch[name] - entry.low) * (2 / (entry.high - entry.low)) - 1
        for name, entry in what.teacher.inputs.items()
        if entry.kind == "image"
    }
    pictures["teacher"] = what.teacher(batch)
    for way in ways:
        if (file := kept / f"{way}-0.pt").is_file():
            module = torch.load(file, weights_only=False).eval()
            with torch.no_grad():
                pictures[way] = module(**batch)
    save_grid(pictures, path)


def write(
    what: flagships.Flagship, share: str, rows: list[dict[str, Any]], kept: Path, path: str
) -> None:
    """The student of ``ours`` with seed 0 as a file of 16-bit numbers."""
    (row,) = (r for r in rows if (r["way"], r["seed"], r["share"]) == ("ours", 0, share))
    module = torch.load(kept / "ours-0.pt", weights_only=False).eval()
    teacher = what.teacher
    provenance = {"teacher": teacher.fingerprint, **{n: row[n] for n in ("subnet", "l1", "ssim")}}
    assert teacher.architecture is not None
    student = Student(module, dict(teacher.inputs), teacher.architecture, provenance)
    save_student(student, path, half=True)


def kept_in() -> Path:
    """Where pairs and students are kept."""
    return folder("contest") if is_quick() else Path("runs/contest")


if __name__ == "__main__":
    main()
