"""What a user may write in a recipe; every default of the project lives here, once."""

from dataclasses import dataclass, field
from typing import Any, Literal

from gancompress.recipe.distilling import Distill
from gancompress.recipe.keys import key
from gancompress.recipe.searching import Search
from gancompress.recipe.sources import Data, Teacher
from gancompress.recipe.teaching import Teach


@dataclass(frozen=True)
class Collect:
    """Recording inputs and outputs of the teacher."""

    count: int = key(50_000, "pairs to distil from", low=2)
    held_out: int = key(2_000, "further pairs, for the search to score subnets on", low=2)
    class_shares: tuple[float, ...] = key((), "how often each class is drawn; empty: all alike")
    shard: int = key(1_000, "pairs a file", low=1)
    batch_size: int = key(64, "pairs a call of the teacher", low=1)
    half: bool = key(
        True,
        "store latents in half precision; the teacher is fed the rounded ones, pairs are exact",
    )
    store: bool = key(True, "record to disk; false: ask the (cheap) teacher anew in every step")


@dataclass(frozen=True)
class Student:
    """The supernet's architecture at full width, and how its widths may shrink."""

    factory: str = key("distylegan", "built-in name, 'module:attr', 'file.py:attr', or 'teacher'")
    kwargs: dict[str, Any] = key({}, "arguments of the factory")
    init: Literal["random", "teacher"] = key(
        "random", "with factory 'teacher': from its weights, important channels first, or anew"
    )
    keep: tuple[str, ...] = key(
        (), "submodules that are the teacher's, do not learn and stay as wide: mapping (StyleKD)"
    )
    separable: tuple[str, ...] = key(
        (), "name patterns of k×k convolutions to replace by depthwise + pointwise ones"
    )
    divisor: int = key(8, "widths are multiples of this", low=1)
    minimum: int = key(8, "smallest width of a group", low=1)
    ratios: tuple[float, ...] = key((), "allowed shares of the full width; empty: every multiple")


@dataclass(frozen=True)
class Finetune:
    """Training the chosen subnet alone, after the search."""

    steps: int = key(0, "updates; 0: leave the inherited weights as they are", low=0)
    compare: int = key(
        0, "further subnets to fine-tune, to see whether inherited scores rank as trained", low=0
    )
    learning_rate: float = key(1e-4, "Adam, student", low=0)


@dataclass(frozen=True)
class Export:
    """Handing the student over."""

    formats: tuple[
        Literal["onnx", "onnx-fp16", "onnx-int8", "pt2", "openvino", "openvino-int8"], ...
    ] = key(("onnx",), "what to write")
    calibration: int = key(128, "inputs that the ranges of 8-bit integers are taken from", low=2)
    min_psnr: float = key(
        36.0,
        "onnx-int8: least PSNR to the student in dB; as few layers as will do stay in float; 0: "
        "every layer in integers, whatever comes out",
        low=0,
    )


@dataclass(frozen=True)
class Evaluate:
    """Judging teacher and student."""

    samples: int = key(10_000, "generated images", low=2)
    extractor: str = key(
        "classifier", "'classifier' (trained on the real data), 'inception', or 'module:attr'"
    )
    classifier_steps: int = key(600, "training steps of the classifier", low=1)
    latency_runs: int = key(50, "timed runs of each network", low=3)


@dataclass(frozen=True)
class Recipe:
    """Everything one run needs."""

    name: str = key("run", "of the run directory")
    seed: int = key(0, "of everything that is drawn", low=0)
    threads: int = key(0, "CPU threads; 0: PyTorch's choice", low=0)
    device: str = key("auto", "auto, cpu, cuda, cuda:1, mps")
    precision: Literal["no", "bf16", "fp16"] = key("no", "mixed precision of the training")
    checkpoint_seconds: float = key(60.0, "between checkpoints", low=0)
    log_every: int = key(50, "steps between two lines of the log", low=1)
    data: Data = field(default_factory=Data, metadata={"doc": "real images"})
    teacher: Teacher = field(default_factory=Teacher, metadata={"doc": "the generator to compress"})
    teach: Teach = field(default_factory=Teach, metadata={"doc": "training a teacher"})
    collect: Collect = field(default_factory=Collect, metadata={"doc": "recording the teacher"})
    student: Student = field(default_factory=Student, metadata={"doc": "the supernet"})
    distill: Distill = field(default_factory=Distill, metadata={"doc": "training the supernet"})
    search: Search = field(default_factory=Search, metadata={"doc": "choosing a subnet"})
    finetune: Finetune = field(default_factory=Finetune, metadata={"doc": "after the search"})
    export: Export = field(default_factory=Export, metadata={"doc": "file formats"})
    evaluate: Evaluate = field(default_factory=Evaluate, metadata={"doc": "scores"})

    @property
    def records(self) -> bool:
        """Whether `collect` stores pairs; else the teacher is asked anew, or they are there."""
        return self.collect.store and not self.teacher.pairs and not self.distill.online

    @property
    def taught_on_inputs(self) -> bool:
        """Whether `teach` trains on what the teacher is fed: one split serves all stages."""
        return not self.teacher.given and self.teach.objective in ("paired", "semantic", "cycle")

    def mistakes(self) -> list[str]:
        """What does not fit together although every key by itself does."""
        found = []
        if self.taught_on_inputs:
            found += self._mistakes_of_inputs()
        if self.distill.online:
            found += self._mistakes_of_online()
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
        for section in ("teach", "distill"):
            betas = getattr(self, section).betas
            if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
                found.append(f"{section}.betas: two numbers in [0, 1), got {list(betas)}")
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
                f"data.held_out: 0, but {objective} looks at held-out images; give a share"
            )
        return found

    def _mistakes_of_online(self) -> list[str]:
        """Of a teacher that learns along with the student."""
        found = []
        if self.teacher.given:
            found.append(
                f"distill.online: the teacher is {self.teacher.given}; only one that `teach` "
                "trains can learn along with the student: write false, or name no teacher"
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
        if self.student.keep:
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
