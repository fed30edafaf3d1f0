"""What each stage of a run depends on: the keys of the recipe that it reads, and what it consumes.

A key that a stage reads and that is not listed here would let a changed recipe keep a stage that it
concerns; ``tests/workflows/test_stages.py`` notes every key that a tiny run reads, and compares.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gancompress.assemble.training_setup import TRAINED_ONLINE
from gancompress.distillation.objective import objective_of
from gancompress.exporters.formats import FORMATS
from gancompress.recipe.schema import Recipe


@dataclass(frozen=True)
class Depends:
    """What one stage depends on.

    Attributes:
        reads: keys of the recipe; the name of a section stands for all keys in it.
        free: keys below those that change nothing of what is made, only how.
        consumes: what other stages made: ``teacher``, ``pairs``, ``ordered``, ``supernet``,
            ``front``, ``chosen``, ``solved``, ``student``.
        where: further keys and things consumed, under a condition of :data:`CONDITIONS`.
        works_in: patterns of the files that it goes on from or leaves beside what it records as
            made; they leave with it when another recipe takes its place.
    """

    reads: tuple[str, ...]
    free: tuple[str, ...] = ()
    consumes: tuple[str, ...] = ()
    where: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = field(default_factory=dict)
    works_in: tuple[str, ...] = ()


# How a remote teacher is asked, a training logged, memory used: no number depends on it.
_PACE = tuple(
    f"teacher.remote.{key}"
    for key in ("cache", "credential", "rate", "workers", "timeout", "attempts")
)
_QUIET = ("distill.cache_gigabytes", "distill.keep_every")
_MEMORY = "reconstruct.memory_gigabytes"
_LOOKS = ("distill.validate_every", "distill.validation_samples")
_TEACHER_EVALUATION = ("teach.evaluate_every", "teach.evaluation_samples")
_EXTRACTOR = ("evaluate.extractor", "evaluate.classifier_steps")
_SPLIT = ("collect.count", "collect.held_out", "data.held_out")
_TEACHER = ("teacher", "teach.objective", "collect.class_shares")

_BUDGETS = tuple(f"search.{name}_budget" for name in ("mac", "param", "size", "memory", "latency"))

_LIVE = (("teacher", "collect", "data.held_out", "teach.objective"), ("teacher",))
_INSIDE = ((*_SPLIT, *_TEACHER), ("teacher",))
_BATCHES = ("distill.batch_size", "search.calibration_batches", "seed")

_WRITTEN = ("export.tolerance", "export.dynamic_size", "export.min_psnr")

STAGES: dict[str, Depends] = {
    "teach": Depends(
        reads=("seed", "precision", "data", "teach", "teacher"),
        free=(*_TEACHER_EVALUATION, *_PACE),
        where={
            "taught on inputs": (_SPLIT, ()),
            "best evaluation": ((*_TEACHER_EVALUATION, *_EXTRACTOR), ()),
        },
        works_in=("checkpoints/teach*.pt", "samples/teach*", "fitted.png", "composite.png"),
    ),
    "collect": Depends(
        reads=("seed", "collect", "teacher", "teach.objective"),
        free=("collect.batch_size", *_PACE),
        consumes=("teacher",),
        where={"taught on inputs": (_SPLIT, ())},
        works_in=("pairs/*",),
    ),
    "order": Depends(
        reads=("seed", "precision", "student", "reconstruct.samples", "reconstruct.order",
               "teacher"),
        free=_PACE,
        consumes=("teacher", "pairs"),
        where={"pairs as needed": _LIVE},
    ),
    "distill": Depends(
        reads=("seed", "precision", "student", "distill", "teacher.inputs"),
        free=(*_QUIET, *_LOOKS),
        consumes=("pairs",),
        where={
            "real images": (("data",), ()),
            "patience": (_LOOKS, ()),
            "pairs as needed": _LIVE,
            "inside the teacher": _INSIDE,
            "in order": ((), ("ordered",)),
            "online": (("teach", "data", "teacher", "collect", *_EXTRACTOR), ()),
        },
        works_in=("checkpoints/distill*.pt", "samples/distill*"),
    ),
    "search": Depends(
        reads=(
            "seed", "data", "search", "student", "distill.terms", "distill.batch_size", *_EXTRACTOR,
            *_TEACHER,
        ),
        free=("search.storage", _MEMORY, *_PACE),
        consumes=("supernet", "pairs", "teacher"),
        where={
            "latency": (("threads", "evaluate.latency_runs"), ()),
            "pairs as needed": _LIVE,
            "solved": (("reconstruct", "distill.steps"), ()),
        },
        works_in=("front.png", "widths.png"),
    ),
    "reconstruct": Depends(
        reads=("reconstruct", "seed", "precision", "student", "distill.terms", "teacher.factory",
               "search.score_samples", *_BUDGETS),
        free=(_MEMORY,),
        consumes=("supernet", "pairs", "front", "chosen"),
        where={"pairs as needed": _LIVE},
    ),
    "finetune": Depends(
        reads=(
            "finetune", "seed", "precision", "student", "distill", "search.score_samples",
            "search.calibration_batches", "teacher.factory",
        ),
        free=("distill.steps", "distill.learning_rate", "distill.fixed", *_QUIET, *_LOOKS),
        consumes=("supernet", "pairs", "front", "chosen"),
        where={
            "solved": (("reconstruct.samples", "distill.steps"), ("solved",)),
            "real images": (("data",), ()),
            "patience": (_LOOKS, ()),
            "pairs as needed": _LIVE,
            "inside the teacher": _INSIDE,
        },
        works_in=("finetune.txt", "checkpoints/finetune-*.pt", "samples/finetune-*"),
    ),
    "export": Depends(
        reads=("export", "student.factory", "teacher.factory"),
        consumes=("student",),
        where={
            "calibrated": (("collect.batch_size",), ("pairs",)),
            "calibrated as needed": _LIVE,
        },
        works_in=("export/*",),
    ),
    "report": Depends(
        reads=(
            "threads", "data", "evaluate", "student", "search.score_samples", *_BUDGETS, *_BATCHES,
            *_TEACHER,
        ),
        free=_PACE,
        consumes=("teacher", "supernet", "pairs", "student"),
        where={
            "timed in ONNX": (_WRITTEN, ()),
            "pairs as needed": _LIVE,
            "solved": (("reconstruct.samples", "distill.steps"), ()),
        },
        works_in=("report/*",),
    ),
}  # fmt: skip

# The teacher with its channels in order, which a training begins with or subnets are solved from.
ORDERED = "ordered.safetensors"


def supernet_file(recipe: Recipe) -> str:
    """The file of a run that holds its supernet at full width."""
    return ORDERED if recipe.solves else "supernet.safetensors"


# The classifier that scores are taken with is trained by whichever stage needs it first.
CLASSIFIER = Depends(reads=("data", "seed", "evaluate.classifier_steps"))


def _looks_inside(recipe: Recipe) -> bool:
    student = recipe.student
    if student.factory == "teacher" or (student.keep and not student.file):
        return True
    keys = recipe.distill
    discriminator = bool(keys.discriminator.factory)
    terms = objective_of(keys.terms, discriminator=discriminator, real_images=True)
    return bool(terms.needing("taps"))


def _is_calibrated(recipe: Recipe) -> bool:
    return any(FORMATS[name].calibrated for name in recipe.export.formats)


CONDITIONS: dict[str, Callable[[Recipe], bool]] = {
    "taught on inputs": lambda recipe: recipe.taught_on_inputs,
    "best evaluation": lambda r: r.teach.best and 0 < r.teach.evaluate_every <= r.teach.steps,
    "real images": lambda recipe: bool(recipe.data.source),
    "patience": lambda recipe: recipe.distill.patience > 0,
    "pairs as needed": lambda recipe: not recipe.records,
    "inside the teacher": _looks_inside,
    "online": lambda recipe: recipe.distill.online,
    "in order": lambda recipe: recipe.orders,
    "solved": lambda recipe: recipe.solves,
    "latency": lambda recipe: bool(recipe.search.latency_budget),
    "calibrated": _is_calibrated,
    "calibrated as needed": lambda recipe: _is_calibrated(recipe) and not recipe.records,
    "timed in ONNX": lambda recipe: "onnx" in recipe.export.formats,
}


def belongs(stage: str, recipe: Recipe) -> bool:
    """Whether ``stage`` is one of the recipe's: solving for weights is not of all."""
    return {"order": recipe.orders, "reconstruct": recipe.solves}.get(stage, True)


def skipped(stage: str, recipe: Recipe) -> str:
    """Why there is nothing to do in ``stage``; empty where there is."""
    if stage == "teach" and recipe.teacher.given:
        return f"the teacher is {recipe.teacher.given}"
    if stage in ("teach", "collect") and recipe.distill.online:
        return TRAINED_ONLINE
    if stage == "order" and not recipe.orders:
        return "reconstruct.samples is 0"
    if stage == "distill" and recipe.solves:
        return "distill.steps is 0: weights are solved for"
    if stage == "reconstruct" and not recipe.solves:
        return "a supernet is trained" if recipe.orders else "reconstruct.samples is 0"
    if stage == "finetune" and recipe.finetune.steps == 0:
        return "finetune.steps is 0"
    return ""
