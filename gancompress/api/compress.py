"""All of it in one call: from a teacher to an exported student for a budget."""

import copy
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import nn

from gancompress.api.channels import sort_for_training
from gancompress.api.collect import collect
from gancompress.api.costs import check_budget, costs_of
from gancompress.api.distill import DistillSettings, Loss, distill, training_options
from gancompress.api.evaluate import Extract
from gancompress.api.export import check_formats, write_student
from gancompress.api.finetune import Finetuned, finetune
from gancompress.api.scoring import SearchSettings
from gancompress.api.search import Chosen, SearchResult, search
from gancompress.architecture_search.options import SearchOptions
from gancompress.atomic import write_json
from gancompress.batch import example_inputs
from gancompress.data.live import Pairs
from gancompress.data.options import CollectOptions
from gancompress.distillation.options import DistillOptions, FinetuneOptions
from gancompress.errors import RunError, TeacherError
from gancompress.metrics.features import Extractor
from gancompress.options import check_whole
from gancompress.run import RunDir
from gancompress.student.file import Architecture, Student, load_student, save_student
from gancompress.supernet import Subnet, Supernet
from gancompress.teachers.teacher import FrozenTeacher, fingerprint_of


@dataclass(frozen=True)
class CompressOptions:
    """How :func:`gancompress.compress` goes on.

    Attributes:
        count: pairs to learn from.
        steps: updates of the supernet.
        trials: subnets to score.
        loss: terms with their weights, see :func:`gancompress.distill`.
        divisor: widths are multiples of this.
        minimum: smallest width.
        depth: whether residual branches may be dropped, see :class:`gancompress.Supernet`.
        formats: endings of the files that the student is exported to: ``.onnx``, ``.pt2``,
            ``.xml``.
        collect: further options of recording; None: those of :func:`gancompress.collect`.
        distill: further options of the training.
        settings: what it trains with, real images among it.
        search: further options of the search. With real images and an extractor, the best subnets
            are scored again by their Fréchet distance to these.
        extractor: see :attr:`gancompress.SearchSettings.extractor`.
        finetune: training of the chosen subnet alone; by default none.
    """

    count: int = 10_000
    steps: int = 20_000
    trials: int = 200
    loss: Loss = field(default_factory=lambda: {"l1": 1.0})
    divisor: int = 8
    minimum: int = 8
    depth: bool = False
    formats: tuple[str, ...] = (".onnx",)
    collect: CollectOptions | None = None
    distill: DistillOptions | None = None
    settings: DistillSettings = field(default_factory=DistillSettings)
    search: SearchOptions = field(default_factory=SearchOptions)
    extractor: str | Extractor | Extract = ""
    finetune: FinetuneOptions = field(default_factory=FinetuneOptions)


@dataclass(frozen=True)
class Compressed:
    """What :func:`gancompress.compress` made.

    Attributes:
        student: a plain module in evaluation mode, which answers in [-1, 1].
        front: every scored subnet; ``front.best(mac_budget=…)`` gives another student.
        report: costs of teacher and student, the student's distance to the teacher on held-out
            inputs, and how exactly each exported file agrees; also in ``report.json``.
        files: what was written, by what it is: ``student``, ``.onnx``, ….
    """

    student: nn.Module
    front: SearchResult
    report: Mapping[str, Any]
    files: Mapping[str, Path]


def compress(
    teacher: FrozenTeacher,
    data: Any = None,
    *,
    mac_budget: str | float = "1/8",
    run: str | Path = "runs/compress",
    student: nn.Module | None = None,
    options: CompressOptions | None = None,
) -> Compressed:
    """Make a small generator of a large one: record, train, search, extract, export.

    The same call goes on where it was stopped: nothing is recorded, trained or scored twice, and
    with another budget only what that asks for is scored. The student is extracted and exported
    anew each time.

    Args:
        teacher: a :class:`gancompress.Teacher`, of :func:`load_teacher` or your own; or a
            :class:`gancompress.RemoteTeacher`.
        data: rows for the inputs that cannot be drawn from a seed, see :func:`collect`.
        mac_budget: exact MACs of one sample, ``2M``, or a share of the teacher's, ``1/8``.
        run: folder that keeps everything.
        student: the architecture at full width, called as the teacher is; by default the teacher's
            own, with its weights. Needed for a black box.
        options: see :class:`CompressOptions`.

    Raises:
        OptionError: a number is out of its range.
        ExportError: an ending is none of a format.
        BudgetError: no subnet is that cheap, which is told before anything is trained.
        TeacherError: the teacher is a black box and no student was given.
        RunError: ``run`` holds what another teacher, student or training made, or is in use.
    """
    how, folder = options or CompressOptions(), Path(run)
    for name, number in (("steps", how.steps), ("trials", how.trials)):
        check_whole(number, f"gc.compress: options.{name}", 1)
    check_formats(how.formats)
    supernet = _supernet(teacher, student, how)
    reference = costs_of(teacher)
    check_budget(supernet, mac_budget, reference)
    folder.mkdir(parents=True, exist_ok=True)
    with RunDir(folder).lock():
        _same_run(folder / "compress.json", _identity(teacher, supernet, how))
        seed = how.settings.seed
        pairs = collect(
            teacher, data, how.count, folder=folder / "pairs", seed=seed, options=how.collect
        )
        _train(supernet, pairs, how, folder, inherited=student is None)
        scoring = SearchSettings(
            options=how.search,
            reference=reference,
            terms=list(how.loss),
            real=how.settings.real,
            extractor=how.extractor,
            seed=seed,
        )
        found = search(
            supernet,
            pairs=pairs,
            trials=how.trials,
            mac_budget=mac_budget,
            folder=folder,
            settings=scoring,
        )
        chosen = found.best(mac_budget)
        report = _report(reference, chosen)
        module = chosen.extract()
        if how.finetune.steps:
            tuned = _finetuned(supernet, chosen.subnet, pairs, how, scoring, folder)
            report["unseen"] = {"inherited": tuned.inherited, "finetuned": tuned.finetuned}
            module = tuned.module
        provenance = {"teacher": teacher.fingerprint, "subnet": chosen.subnet.text}
        architecture = _architecture(teacher, student)
        small = Student(module, dict(teacher.inputs), architecture, provenance)
        files, exported = write_student(small, folder, how.formats)
        report |= exported
        write_json(folder / "report.json", report)
    return Compressed(small.module, found, report, files)


def _report(reference: Mapping[str, float], chosen: Chosen) -> dict[str, Any]:
    return {
        "subnet": chosen.subnet.text,
        "teacher": dict(reference),
        "student": dict(chosen.costs),
        "held_out": dict(chosen.scores),
    }


def _supernet(teacher: FrozenTeacher, student: nn.Module | None, how: CompressOptions) -> Supernet:
    module = student if student is not None else getattr(teacher, "module", None)
    if not isinstance(module, nn.Module):
        raise TeacherError(
            "gc.compress: the teacher is a black box, whose architecture is not known; give "
            "student=, a module at full width that is called as the teacher is"
        )
    own = copy.deepcopy(module).requires_grad_(True)
    example = example_inputs(teacher.inputs)
    return Supernet(own, example, divisor=how.divisor, minimum=how.minimum, depth=how.depth)


def _train(
    supernet: Supernet, pairs: Pairs, how: CompressOptions, folder: Path, *, inherited: bool
) -> None:
    """Train the supernet, or read what was trained before."""
    kept = folder / "supernet.safetensors"
    if kept.is_file():
        trained = load_student(kept, factory=supernet.module).module
        supernet.module.load_state_dict(trained.state_dict())
        supernet.eval()
        return
    if inherited:
        sort_for_training(supernet, pairs, seed=how.settings.seed)
    distill(
        supernet, pairs, how.loss, steps=how.steps, folder=folder, options=how.distill,
        settings=how.settings,
    )  # fmt: skip
    save_student(Student(supernet.module, pairs.inputs, Architecture("")), kept)


def _finetuned(
    supernet: Supernet, subnet: Subnet, pairs: Pairs, how: CompressOptions,
    scoring: SearchSettings, folder: Path,
) -> Finetuned:  # fmt: skip
    keys, base = how.finetune, training_options(how.distill, pairs, how.loss)
    options = replace(base, steps=keys.steps, learning_rate=keys.learning_rate)
    # Another subnet or another training must not go on from this one's checkpoint.
    digest = hashlib.sha256(f"{subnet.text} {keys}".encode()).hexdigest()[:8]
    settings = replace(how.settings, title=f"finetune-{digest}")
    return finetune(
        supernet, subnet, pairs, options, folder=folder, settings=settings, scoring=scoring
    )


def _architecture(teacher: FrozenTeacher, student: nn.Module | None) -> Architecture:
    known = getattr(teacher, "architecture", None) if student is None else None
    return known if isinstance(known, Architecture) else Architecture("")


def _identity(teacher: FrozenTeacher, supernet: Supernet, how: CompressOptions) -> dict[str, str]:
    """What the trained supernet depends on."""
    terms = {getattr(term, "__name__", str(term)): str(w) for term, w in how.loss.items()}
    training = [how.count, how.steps, how.divisor, how.minimum, terms, str(how.distill)]
    settings = how.settings
    training += [settings.seed, settings.precision, str(settings.real), str(how.collect)]
    # Named where it matters only, so that runs of before it was known go on.
    training += ["depth"] if how.depth else []
    digest = hashlib.sha256(json.dumps(training, sort_keys=True).encode()).hexdigest()
    return {
        "teacher": teacher.fingerprint,
        "student": fingerprint_of(supernet.module, {}),
        "training": digest,
    }


def _same_run(path: Path, identity: Mapping[str, str]) -> None:
    if not path.is_file():
        write_json(path, dict(identity))
        return
    kept = json.loads(path.read_text(encoding="utf-8"))
    differing = [name for name, value in identity.items() if kept.get(name) != value]
    if differing:
        raise RunError(
            f"{path.parent}: made with another {', '.join(differing)}; give another run=, or the "
            "same arguments as before"
        )
