"""From a trained generator to a small one in minutes: nothing is trained but the last touches."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

import numpy as np
from torch import nn

from gancompress.api.costs import check_budget, costs_of
from gancompress.api.detail import add_detail, check_detail
from gancompress.api.export import check_formats, write_student
from gancompress.api.inputs import rows_of
from gancompress.api.scoring import SearchSettings
from gancompress.api.search import search
from gancompress.api.teacher import Teacher
from gancompress.architecture_search.budget import Budget
from gancompress.atomic import write_json
from gancompress.batch import DRAWN, Batch, batch_size, example_inputs
from gancompress.data.answered import DrawnAnswers
from gancompress.distillation.terms.tuning import tuning_loss
from gancompress.errors import DataError, TeacherError
from gancompress.options import LARGEST_SEED, check_given, check_ranges, option
from gancompress.reconstruction.options import MEMORY, MEMORY_HELP
from gancompress.reconstruction.solver import Solver, order_channels, samples_at_once
from gancompress.student.file import Architecture, Student
from gancompress.supernet import Subnet, Supernet
from gancompress.training.finetune import Answered, Answers, finetune, mean_distance

# Teachers of more MACs get fewer inputs, which are larger and say more.
DEAR = 1e9
# Inputs that are drawn to fine-tune on, and what of memory the answers may take.
MOST_DRAWN, MOST_BYTES = 16_384, 500_000_000
# Learning rate beside a discriminator where no other one brought the student nearer.
LEAST_RATE = 1e-4


@dataclass(frozen=True)
class ShrinkOptions:
    """How :func:`gancompress.shrink` goes on."""

    samples: int = option(
        0,
        "inputs that the weights are solved on; 0: 48 where one takes the teacher 1e9 MACs or "
        "more, else 512",
        low=0,
    )
    trials: int = option(
        40, "subnets compared by the weights that follow from the teacher's matrices", low=1
    )
    finalists: int = option(1, "best of them, whose weights are solved for layer by layer", low=1)
    order: Literal["taylor", "greedy"] = option(
        "taylor", "of channels: by first-order importance, or one by one; see sort_channels"
    )
    steps: int = option(
        300,
        "updates of the fine-tuning; 0: none. Inputs that can be drawn are new ones, 16,384 at "
        "most; others are those that were solved on",
        low=0,
    )
    detail: int = option(
        0,
        "further updates beside a discriminator, 1,000 or more, for pictures as sharp as the "
        "teacher's; 0: none",
        low=0,
    )
    divisor: int = option(8, "widths are multiples of this", low=1)
    minimum: int = option(8, "smallest width", low=1)
    depth: bool = option(False, "whether residual branches may be dropped")
    formats: tuple[str, ...] = option(
        (".onnx",), "endings of the files that the student is exported to: .onnx, .pt2, .xml"
    )
    memory_gigabytes: float = option(MEMORY / 1e9, MEMORY_HELP, low=0.0)
    seed: int = option(0, "of everything drawn", low=0, high=LARGEST_SEED)


@dataclass(frozen=True)
class Shrunk:
    """What :func:`gancompress.shrink` made.

    Attributes:
        student: a plain module in evaluation mode, which answers in [-1, 1].
        subnet: its widths.
        report: costs of teacher and student, distances to the teacher on inputs that nothing else
            was done with (of the cut weights, the solved ones and the fine-tuned ones), seconds of
            each step; also in ``report.json``.
        files: what was written, by what it is: ``student``, ``.onnx``, ….
    """

    student: nn.Module
    subnet: Subnet
    report: Mapping[str, Any]
    files: Mapping[str, Path]


def shrink(
    teacher: Teacher,
    data: Any = None,
    *,
    mac_budget: str | float = "1/8",
    run: str | Path = "runs/shrink",
    options: ShrinkOptions | None = None,
    tell: Callable[[str], None] | None = None,
) -> Shrunk:
    """A small generator of the teacher's own architecture, without training a supernet.

    The teacher's Gram matrices are gathered once; subnets are compared by the weights that follow
    from them; the weights of the best one are solved for layer by layer, and fine-tuned shortly.

    Args:
        teacher: of :func:`load_teacher`, or your own module.
        data: rows for the inputs that cannot be drawn from a seed, see :func:`collect`; none is
            needed where all can.
        mac_budget: exact MACs of one sample, ``2M``, or a share of the teacher's, ``1/8``.
        run: folder for the files; it is made.
        options: see :class:`ShrinkOptions`.
        tell: is told in a line what was done after each step.

    Raises:
        OptionError: an option is out of its range.
        TeacherError: the teacher is a black box.
        DataError: there are too few inputs.
        BudgetError: no subnet is that cheap.
    """
    how, folder = options or ShrinkOptions(), Path(run)
    check_ranges(how, "gc.shrink")
    check_given(teacher, Teacher, "gc.shrink: teacher", "a gc.Teacher; gc.load_teacher reads files")
    check_formats(how.formats)
    clock = _Clock(tell or (lambda line: None))
    supernet, reference = _supernet(teacher, how)
    check_budget(supernet, mac_budget, reference)
    solved, chosen, unseen = _inputs(teacher, data, how, reference["macs"])
    if how.detail:
        check_detail(tuple(teacher(unseen[0]).shape[1:]))
    clock("traced", f"{len(supernet.space.groups)} elastic groups")

    # Choose channels and widths.
    order_channels(supernet, solved, greedy=how.order == "greedy", seed=how.seed)
    solver = Solver.of(supernet, solved, seed=how.seed, memory=how.memory_gigabytes * 1e9)
    clock("gathered", "channels sorted and Gram matrices gathered")
    judged = _answered(teacher, chosen)
    settings = SearchSettings(
        module_at=solver.one_shot, reference=reference, seed=how.seed, progress=False
    )
    front = search(
        supernet,
        lambda module: mean_distance(module, judged),
        trials=how.trials,
        mac_budget=mac_budget,
        settings=settings,
    ).front
    finalists = front.ranked(Budget.parse(macs=mac_budget), reference)[: how.finalists]
    clock("searched", f"best of {how.trials} subnets: {finalists[0].subnet.brief}")

    # Solve for the weights of the best ones, and train the best of those a little.
    found = solver.nearest(
        [one.subnet for one in finalists], lambda module: mean_distance(module, judged)
    )
    subnet, student = found[0].subnet, found[0].module
    last = _answered(teacher, unseen)
    l1 = {
        "cut": mean_distance(supernet.extract(subnet).eval(), last),
        "reconstructed": mean_distance(student, last),
    }
    clock("solved", f"L1 to the teacher {l1['reconstructed']:.4f}, cut {l1['cut']:.4f}")
    drawn = data is None and teacher.data is None
    learned = _drawn(teacher, solved, how) if drawn else _answered(teacher, solved)
    tuned = finetune(student, learned, judged, steps=how.steps, loss=tuning_loss, seed=how.seed)
    l1["fine-tuned"] = mean_distance(student.requires_grad_(False), last)
    clock("fine-tuned", f"L1 {l1['fine-tuned']:.4f} after {tuned.steps} steps")
    if how.detail:
        rate = tuned.learning_rate or LEAST_RATE
        add_detail(
            student, learned, teacher.inputs, steps=how.detail, learning_rate=rate, seed=how.seed
        )
        l1["with detail"] = mean_distance(student, last)
        clock("detailed", f"L1 {l1['with detail']:.4f} after {how.detail} steps")

    # Write it, and say what it is.
    architecture = teacher.architecture or Architecture("")
    provenance = {"teacher": teacher.fingerprint, "subnet": subnet.text}
    small = Student(student, dict(teacher.inputs), architecture, provenance)
    files, exported = write_student(small, folder, how.formats)
    clock("written", ", ".join(str(path) for path in files.values()))
    cost = supernet.cost_model.cost(subnet)
    report = {
        "subnet": subnet.text,
        "teacher": reference,
        "student": {"macs": cost.macs, "params": cost.params, "weight_bytes": cost.weight_bytes},
        "l1": l1,
        "finetuned": vars(tuned),
        "exported": exported,
        "seconds": clock.seconds,
    }
    write_json(folder / "report.json", report)
    return Shrunk(student, subnet, report, files)


def _supernet(teacher: Teacher, how: ShrinkOptions) -> tuple[Supernet, dict[str, float]]:
    """A supernet on a copy of the teacher, and what the teacher costs."""
    if teacher.module is None:
        raise TeacherError(
            "gc.shrink: the teacher is a black box, whose weights are not known; gc.compress "
            "trains a student= of another architecture towards it"
        )
    own = copy.deepcopy(teacher.module).requires_grad_(True)
    example = example_inputs(teacher.inputs)
    supernet = Supernet(own, example, divisor=how.divisor, minimum=how.minimum, depth=how.depth)
    return supernet, costs_of(teacher)


class _Clock:
    """Tells of each step and how long it took."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell, self._last = tell, perf_counter()
        self.seconds: dict[str, float] = {}

    def __call__(self, step: str, line: str) -> None:
        now = perf_counter()
        self.seconds[step], self._last = round(now - self._last, 2), now
        self._tell(f"{step} ({self.seconds[step]:.1f} s): {line}")


def _inputs(
    teacher: Teacher, data: Any, how: ShrinkOptions, macs: float
) -> tuple[list[Batch], list[Batch], list[Batch]]:
    """Batches to solve on, to choose by, and to judge by; no sample is in two of them."""
    wanted = how.samples or (48 if macs >= DEAR else 512)
    others = 16 if macs >= DEAR else 128
    rows = rows_of(data, teacher.inputs) if data is not None else teacher.data
    if rows is None and any(entry.kind not in DRAWN for entry in teacher.inputs.values()):
        rows = rows_of(data, teacher.inputs)
    parts = [wanted, others, others]
    numbers = np.arange(sum(parts))
    if rows is not None:
        if len(rows) < 12:
            raise DataError(f"gc.shrink: {len(rows)} inputs; a dozen is the least, 80 are good")
        numbers = np.random.default_rng(how.seed).permutation(len(rows))
        if len(rows) < sum(parts):
            few = max(2, len(rows) // 6)
            parts = [len(rows) - 2 * few, few, few]
    size = samples_at_once(macs)
    asked = Teacher(_module_of(teacher), teacher.inputs, data=rows)
    found: list[list[Batch]] = []
    start = 0
    for count in parts:
        mine = numbers[start : start + count].tolist()
        starts = range(0, count, size)
        found.append([asked.sample_inputs(mine[s : s + size], how.seed) for s in starts])
        start += count
    return found[0], found[1], found[2]


def _module_of(teacher: Teacher) -> nn.Module:
    assert teacher.module is not None
    return teacher.module


def _drawn(teacher: Teacher, solved: list[Batch], how: ShrinkOptions) -> Answers:
    """Inputs to train on, others than those before."""
    each, bytes_kept = batch_size(solved[0]), teacher(solved[0]).numel() * 2
    count = max(1, min(max(how.steps, how.detail), MOST_DRAWN // each, MOST_BYTES // bytes_kept))
    return DrawnAnswers(teacher, each, count, how.seed + 1)


def _answered(teacher: Teacher, batches: list[Batch]) -> list[Answered]:
    return [(batch, teacher(batch)) for batch in batches]
