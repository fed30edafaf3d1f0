"""What a user may write in a recipe: the options of every component, composed."""

import re
from dataclasses import dataclass
from typing import Any, Literal

from gancompress.architecture_search.options import SearchOptions
from gancompress.data.options import CollectOptions
from gancompress.distillation.options import DistillOptions, FinetuneOptions
from gancompress.exporters.options import ExportOptions
from gancompress.options import LARGEST_SEED, MOST_WORKERS, option, section
from gancompress.recipe.secrets import secret_mistakes
from gancompress.recipe.sources import DataOptions, TeacherOptions
from gancompress.reconstruction.options import ReconstructOptions
from gancompress.teach.options import TeachOptions

# Of a run directory, whose number is added: a file system takes 255 bytes.
LONGEST_NAME = 200


@dataclass(frozen=True)
class StudentOptions:
    """The supernet's architecture at full width, and how its widths may shrink."""

    factory: str = option(
        "distylegan", "built-in name, 'module:attr', 'file.py:attr', or 'teacher'"
    )
    kwargs: dict[str, Any] = option({}, "arguments of the factory")
    output: str = option(
        "", "which tensor of several that its module returns; empty: it returns one"
    )
    init: Literal["random", "teacher"] = option(
        "random", "with factory 'teacher': from its weights, important channels first, or anew"
    )
    file: str = option(
        "",
        "tensors by name that another architecture than the teacher's starts from; layers whose "
        "shapes differ, as for other classes, start anew",
    )
    keep: tuple[str, ...] = option(
        (),
        "submodules that do not learn and stay as wide: the teacher's (mapping: StyleKD), or with "
        "student.file those of the file",
    )
    separable: tuple[str, ...] = option(
        (), "name patterns of k×k convolutions to replace by depthwise + pointwise ones"
    )
    divisor: int = option(8, "widths are multiples of this", low=1)
    minimum: int = option(8, "smallest width of a group", low=1)
    ratios: tuple[float, ...] = option(
        (), "allowed shares of the full width; empty: every multiple"
    )
    depth: bool = option(False, "residual branches x + f(x) may be dropped")


@dataclass(frozen=True)
class EvaluateOptions:
    """Judging teacher and student."""

    samples: int = option(10_000, "generated images", low=2)
    extractor: str = option(
        "classifier",
        "'classifier' (trained on the real data), 'inception', or 'module:attr'; without real data "
        "images are compared with the teacher's",
    )
    classifier_steps: int = option(600, "training steps of the classifier", low=1)
    latency_runs: int = option(50, "timed runs of each network", low=3)
    sample_rate: int = option(
        22_050, "samples a second of the waves in the report, of a teacher of audio", 1, 768_000
    )
    tsne: int = option(
        0, "images of teacher and student on one map where like ones are near; 0: no map", 0, 5000
    )


@dataclass(frozen=True)
class Recipe:
    """Everything one run needs."""

    name: str = option("run", "of the run directory")
    seed: int = option(0, "of everything that is drawn", low=0, high=LARGEST_SEED)
    threads: int = option(0, "CPU threads; 0: PyTorch's choice", 0, MOST_WORKERS)
    device: str = option("auto", "auto, cpu, cuda, cuda:1, mps")
    precision: Literal["no", "bf16", "fp16", "auto"] = option(
        "no", "mixed precision of the training; auto: bf16 where the processor has it"
    )
    track: tuple[Literal["tensorboard", "wandb", "mlflow", "trackio"], ...] = option(
        ("tensorboard",),
        "where losses go beside log.jsonl; tensorboard where it is installed, the others must be",
    )
    checkpoint_seconds: float = option(60.0, "between checkpoints", low=0)
    log_every: int = option(50, "steps between two lines of the log", low=1)
    data: DataOptions = section(DataOptions, "real images")
    teacher: TeacherOptions = section(TeacherOptions, "the generator to compress")
    teach: TeachOptions = section(TeachOptions, "training a teacher")
    collect: CollectOptions = section(CollectOptions, "recording the teacher")
    student: StudentOptions = section(StudentOptions, "the supernet")
    reconstruct: ReconstructOptions = section(
        ReconstructOptions, "weights of subnets of the teacher, solved for instead of trained"
    )
    distill: DistillOptions = section(DistillOptions, "training the supernet")
    search: SearchOptions = section(SearchOptions, "choosing a subnet")
    finetune: FinetuneOptions = section(FinetuneOptions, "after the search")
    export: ExportOptions = section(ExportOptions, "file formats")
    evaluate: EvaluateOptions = section(EvaluateOptions, "scores")

    @property
    def records(self) -> bool:
        """Whether `collect` stores pairs; else the teacher is asked anew, or they are there."""
        return self.collect.store and not self.teacher.pairs and not self.distill.online

    @property
    def taught_on_inputs(self) -> bool:
        """Whether `teach` trains on what the teacher is fed: one split serves all stages."""
        return not self.teacher.given and self.teach.objective in ("paired", "semantic", "cycle")

    @property
    def orders(self) -> bool:
        """Whether the supernet begins as the teacher with its channels in order."""
        return self.reconstruct.samples > 0

    @property
    def solves(self) -> bool:
        """Whether the weights of subnets are solved for, and no supernet is trained."""
        return self.orders and self.distill.steps == 0

    @property
    def trains_by_terms(self) -> bool:
        """Whether anything is trained by the loss terms of ``distill``."""
        finetune = self.finetune
        return not self.solves or (finetune.steps > 0 and finetune.objective == "distill")

    def mistakes(self) -> list[str]:
        """What does not fit together although every key by itself does."""
        found = [
            *_mistakes_of_name(self.name),
            *secret_mistakes(storage=self.search.storage, url=self.teacher.remote.url),
        ]
        if self.taught_on_inputs:
            found += self._mistakes_of_inputs()
        if self.distill.online:
            found += self._mistakes_of_online()
        if self.orders:
            found += self._mistakes_of_solving()
        elif self.distill.steps == 0:
            found.append("distill.steps: 0, but reconstruct.samples too; give one of them")
        if not self.teacher.given and not self.data.source:
            found.append(
                "teacher.file: empty, and data.source too; give a teacher file, weights for "
                "teacher.factory, or images to train a teacher on"
            )
        single = self.teach.objective == "single_image"
        if not self.teacher.given and single != (self.data.layout == "photograph"):
            found.append(
                "data.layout: photograph is what teach.objective single_image learns from, and no "
                f"other; here they are {self.data.layout} and {self.teach.objective}"
            )
        if self.teacher.file and self.teacher.weights:
            found.append(
                "teacher.weights: are for teacher.factory, but teacher.file names another teacher; "
                "give one of them"
            )
        limits = self.teacher.output_range
        if len(limits) != 2 or not limits[0] < limits[1]:
            found.append(f"teacher.output_range: black below white, got {list(limits)}")
        if self.student.init == "teacher" and self.student.factory != "teacher":
            found.append(
                "student.init: teacher: its weights fit no other architecture; write "
                "student.factory: teacher as well"
            )
        if self.student.file and self.student.factory == "teacher":
            found.append(
                "student.file: the student begins with the teacher's weights or its architecture "
                "(student.factory: teacher); leave one of them out"
            )
        for name in ("teach", "distill"):
            betas = getattr(self, name).betas
            if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
                found.append(f"{name}.betas: two numbers in [0, 1), got {list(betas)}")
        found += [*self.data.mistakes(), *self.teach.mistakes()]
        if self.distill.accumulate > self.distill.batch_size // 2:
            found.append(
                f"distill.accumulate: {self.distill.accumulate} parts of a batch of "
                f"{self.distill.batch_size} leave less than two samples a part"
            )
        if self.distill.patience and not self.distill.validate_every:
            found.append("distill.patience: needs distill.validate_every, which is 0")
        if any(not 0 < ratio <= 1 for ratio in self.student.ratios):
            found.append(f"student.ratios: shares in (0, 1], got {list(self.student.ratios)}")
        if self.search.score_samples > self.collect.held_out:
            found.append(
                f"search.score_samples: {self.search.score_samples} is more than "
                f"collect.held_out ({self.collect.held_out})"
            )
        return found

    def _mistakes_of_inputs(self) -> list[str]:
        """Of a teaching on inputs and what they should become."""
        found, fed, real = [], self.teacher.data, self.data
        objective = self.teach.objective
        if fed.load_size:
            found.append(
                f"teacher.data.load_size: crops are for a finished teacher; one taught with "
                f"teach.objective {objective} takes teach.jitter"
            )
        if not fed.source:
            found.append(
                f"teacher.data.source: empty, but teach.objective {objective} learns from what the "
                "teacher is fed; give a folder or zip"
            )
        if real.source == "digits":
            found.append(f"data.source: digits: nothing belongs to them; {objective} needs images")
        same_file = real.layout == fed.layout == "side_by_side" and real.source == fed.source
        if same_file and real.direction != fed.direction:
            found.append(
                f"data.direction: {real.direction}, but teacher.data.direction is {fed.direction}: "
                "the inputs themselves would be what they should become; write the same"
            )
        if not real.held_out:
            found.append(
                f"data.held_out: 0, but {objective} is evaluated on held-out images; give a share"
            )
        return found

    def _mistakes_of_solving(self) -> list[str]:
        """Of weights that are solved for."""
        found, wanted = [], "reconstruct.samples"
        if self.student.factory != "teacher":
            found.append(
                f"student.factory: {self.student.factory}, but {wanted} solves for the weights of "
                "subnets of the teacher; write teacher, or leave out reconstruct"
            )
        if self.distill.online:
            found.append(f"distill.online: {wanted} needs a trained teacher; write false")
        if self.student.separable or self.student.keep:
            key = "separable" if self.student.separable else "keep"
            found.append(
                f"student.{key}: {wanted} solves for all layers of the teacher as they are; leave "
                "it empty"
            )
        if self.reconstruct.samples > self.collect.count:
            found.append(
                f"{wanted}: {self.reconstruct.samples} is more than collect.count "
                f"({self.collect.count})"
            )
        if self.solves and self.finetune.compare:
            found.append("finetune.compare: compares trained subnets; write 0 with solved weights")
        return found

    def _mistakes_of_online(self) -> list[str]:
        """Of online distillation."""
        found = []
        if self.teacher.given:
            found.append(
                f"distill.online: the teacher is {self.teacher.given}; only one that `teach` "
                "trains can be trained together with the student: write false, or name no teacher"
            )
        elif self.teach.objective == "single_image":
            found.append(
                "distill.online: single_image is trained size by size, before any student; write "
                "false"
            )
        if self.student.init == "teacher":
            found.append(
                "student.init: teacher: with distill.online it has learned nothing yet; write "
                "random"
            )
        if self.student.keep and not self.student.file:
            found.append(
                "student.keep: with distill.online there is nothing of the teacher to keep yet; "
                "leave it empty"
            )
        if self.distill.cache_gigabytes:
            found.append(
                "distill.cache_gigabytes: with distill.online the teacher moves, and so does what "
                "terms see of it; write 0"
            )
        if self.distill.patience:
            found.append(
                "distill.patience: with distill.online the teacher moves, and the smallest "
                "distance to it is not the best; write 0"
            )
        return found


def _mistakes_of_name(name: str) -> list[str]:
    """Of a name that is to be a folder's."""
    if not re.fullmatch(r"[^/\\\x00-\x1f.][^/\\\x00-\x1f]*", name):
        return [
            f"name: {name!r} is to name a folder: write it without / and \\, and with no dot first"
        ]
    if len(name.encode()) > LONGEST_NAME:
        return [f"name: {len(name.encode())} bytes long; at most {LONGEST_NAME} make a folder"]
    return []
