"""The networks that a demo shows, and what they make of a request; one at a time."""

import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancompress.batch import DRAWN, Batch, InputSpec, class_count, draw_inputs, in_range
from gancompress.demo.runtimes import PYTORCH, file_of, runtimes, start
from gancompress.errors import DataError
from gancompress.exporters.network import Network, as_network
from gancompress.generators.walk import inputs_between
from gancompress.student.file import Student, save_student

# Bytes of weights that are kept ready to run.
KEPT = 2**30

# Inputs that 8-bit integers are calibrated by where they are drawn, and at once.
CALIBRATION, AT_ONCE = 128, 16


@dataclass(frozen=True)
class Size:
    """A student that can be shown.

    Attributes:
        title: its widths.
        macs: multiply-adds of one sample; None if unknown.
        params: number of its parameters.
        chosen: it is the run's own student.
        make: builds it.
    """

    title: str
    macs: int | None
    params: int
    chosen: bool
    make: Callable[[], Student]


@dataclass(frozen=True)
class Made:
    """What one network made.

    Attributes:
        images: (N, C, H, W) in [-1, 1].
        milliseconds: that it took.
    """

    images: Tensor
    milliseconds: float


@dataclass(frozen=True)
class Choice:
    """Which student is asked for.

    Attributes:
        size: its index among the gallery's sizes.
        runtime: one of the gallery's.
    """

    size: int
    runtime: str = PYTORCH


class Gallery:
    """A teacher, if it is known, and students from small to large.

    Args:
        name: of what is shown.
        inputs: of all of them.
        teacher: called with the inputs as keyword arguments, or None.
        teacher_macs: multiply-adds of one sample of the teacher.
        sizes: at least one, cheapest first.
        calibration: batches of inputs for 8-bit integers; not needed where inputs are drawn.
    """

    def __init__(
        self,
        name: str,
        inputs: InputSpec,
        teacher: nn.Module | None,
        teacher_macs: int | None,
        sizes: Sequence[Size],
        calibration: Sequence[Batch] = (),
    ) -> None:
        self.name, self.inputs, self.teacher = name, inputs, teacher
        self.teacher_macs, self.sizes = teacher_macs, tuple(sizes)
        self._students: dict[int, Student] = {}
        self._running: OrderedDict[tuple[int, str], Network] = OrderedDict()
        # Networks run one at a time: two at once would only slow each other down.
        self._lock = threading.Lock()
        self._folder = tempfile.TemporaryDirectory(prefix="gancompress-demo-")
        self._drawn = {n: entry for n, entry in inputs.items() if entry.kind in DRAWN}
        fed = [name for name in inputs if name not in self._drawn]
        if any(inputs[name].kind not in ("image", "label_map") for name in fed) or len(fed) > 1:
            raise DataError(
                f"{name}: is fed {', '.join(fed)}; the demo shows generators of noise and of "
                "classes, and translators of one image or label map"
            )
        self.fed = fed[0] if fed else None
        if not calibration and not fed:
            calibration = [
                draw_inputs(inputs, range(first, first + AT_ONCE), 0)
                for first in range(0, CALIBRATION, AT_ONCE)
            ]
        self._calibration = calibration
        self.runtimes = runtimes(len(calibration) >= 2)

    @property
    def kind(self) -> str:
        """What the generator is fed: ``noise``, ``image`` or ``label_map``."""
        return self.inputs[self.fed].kind if self.fed else "noise"

    @property
    def classes(self) -> int:
        """Number of classes that the generator is told; 0 for none."""
        return class_count(self.inputs)

    def prepare(self) -> None:
        """Build every student, so that nobody waits for one; others may ask meanwhile."""
        for size in range(len(self.sizes)):
            with self._lock:
                self._start(Choice(size))

    def file(self, choice: Choice) -> Path:
        """The file of a student, in the format of its runtime."""
        path = file_of(self._stem(choice), choice.runtime)
        with self._lock:
            self._start(choice)
            if choice.runtime == PYTORCH:
                save_student(self._students[choice.size], path)
        return path

    def bytes(self, choice: Choice) -> int:
        """Of a student: of its file, or of its weights where PyTorch runs it."""
        if choice.runtime == PYTORCH:
            return 4 * self.sizes[choice.size].params
        return file_of(self._stem(choice), choice.runtime).stat().st_size

    def generate(
        self, choice: Choice, *, seeds: Sequence[int], label: int, truncation: float, walk: float
    ) -> tuple[Made | None, Made]:
        """Images of drawn inputs by teacher and student.

        Args:
            choice: of the student.
            seeds: one number an image.
            label: class of all; -1 for classes in turn.
            truncation: normal inputs are multiplied by this, 0 to 1.
            walk: share of the way to the inputs of the next seed, 0 to 1, on a great circle.
        """
        labels = [label if label >= 0 else index for index in range(len(seeds))]
        ahead = [seed + 1 for seed in seeds]
        batch = inputs_between(self.inputs, seeds, ahead, walk, labels=labels)
        for name, entry in self.inputs.items():
            if entry.kind in ("normal", "truncated_normal"):
                batch[name] = truncation * batch[name]
        return self._both(choice, batch)

    def translate(self, choice: Choice, image: Tensor) -> tuple[Tensor, Made | None, Made]:
        """A picture (1, C, H, W) in [-1, 1], cut to the network's size, and its translations."""
        assert self.fed is not None
        entry = self.inputs[self.fed]
        fitted = _fitted(image, entry.shape[1], entry.shape[2])
        return fitted, *self._both(choice, self._with_drawn(in_range(fitted, entry)))

    def paint(self, choice: Choice, classes: Tensor) -> tuple[Made | None, Made]:
        """What a map of classes, int64 (H, W), becomes."""
        assert self.fed is not None
        channels = F.one_hot(classes, self.inputs[self.fed].shape[0])
        return self._both(choice, self._with_drawn(channels.permute(2, 0, 1)[None].float()))

    def _with_drawn(self, value: Tensor) -> Batch:
        assert self.fed is not None
        return {self.fed: value, **draw_inputs(self._drawn, [0], 0)}

    def _both(self, choice: Choice, batch: Batch) -> tuple[Made | None, Made]:
        with self._lock:
            student = self._start(choice)
            teacher = _run(as_network(self.teacher), batch) if self.teacher is not None else None
            return teacher, _run(student, batch)

    def _stem(self, choice: Choice) -> Path:
        return Path(self._folder.name) / f"student-{choice.size}"

    def _start(self, choice: Choice) -> Network:
        key = (choice.size, choice.runtime)
        if key not in self._running:
            if choice.size not in self._students:
                self._students[choice.size] = self.sizes[choice.size].make()
            student, stem = self._students[choice.size], self._stem(choice)
            self._running[key] = start(student, choice.runtime, self._calibration, stem)
            self._forget()
        self._running.move_to_end(key)
        return self._running[key]

    def _forget(self) -> None:
        """Drop what was not asked for longest while weights fill more than their share."""
        while len(self._running) > 1 and self._kept() > KEPT:
            size, _ = self._running.popitem(last=False)[0]
            if all(other != size for other, _ in self._running):
                del self._students[size]

    def _kept(self) -> int:
        return sum(4 * self.sizes[size].params for size, _ in self._running)


@torch.no_grad()
def _run(network: Network, batch: Batch) -> Made:
    start = time.perf_counter()
    images = network(batch)
    return Made(images, 1e3 * (time.perf_counter() - start))


def _fitted(image: Tensor, height: int, width: int) -> Tensor:
    """The largest centred window of the wanted shape, resized."""
    scale = min(image.shape[2] / height, image.shape[3] / width)
    rows, columns = max(round(height * scale), 1), max(round(width * scale), 1)
    top, left = (image.shape[2] - rows) // 2, (image.shape[3] - columns) // 2
    window = image[..., top : top + rows, left : left + columns]
    if window.shape[2:] == (height, width):
        return window
    return F.interpolate(window, (height, width), mode="bicubic", antialias=True).clamp(-1, 1)
