"""The networks that a demo shows, and what they make of a request; one at a time."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancompress.batch import DRAWN, Batch, InputSpec, draw_inputs, in_range
from gancompress.errors import DataError
from gancompress.student.file import Student

# Students that are kept ready to run.
KEPT = 4


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


class Gallery:
    """A teacher, if it is known, and students from small to large.

    Args:
        name: of what is shown.
        inputs: of all of them.
        teacher: called with the inputs as keyword arguments, or None.
        teacher_macs: multiply-adds of one sample of the teacher.
        sizes: at least one, cheapest first.
    """

    def __init__(
        self,
        name: str,
        inputs: InputSpec,
        teacher: nn.Module | None,
        teacher_macs: int | None,
        sizes: Sequence[Size],
    ) -> None:
        self.name, self.inputs, self.teacher = name, inputs, teacher
        self.teacher_macs, self.sizes = teacher_macs, tuple(sizes)
        self._ready: OrderedDict[int, Student] = OrderedDict()
        # Networks run one at a time: two at once would only slow each other down.
        self._lock = threading.Lock()
        fed = [name for name, entry in inputs.items() if entry.kind not in DRAWN]
        images = [name for name in fed if inputs[name].kind == "image"]
        if fed and (len(fed) != 1 or not images):
            raise DataError(
                f"{name}: is fed {', '.join(fed)}; the demo shows generators of noise and of "
                "classes, and translators of one image"
            )
        self.image = images[0] if images else None

    @property
    def classes(self) -> int:
        """Number of classes that the generator is told; 0 for none."""
        return next((e.shape[0] for e in self.inputs.values() if e.kind == "one_hot"), 0)

    def student(self, size: int) -> Student:
        """The student of ``sizes[size]``, in evaluation mode."""
        with self._lock:
            return self._student(size)

    def _student(self, size: int) -> Student:
        if size not in self._ready:
            self._ready[size] = self.sizes[size].make()
            if len(self._ready) > KEPT:
                self._ready.popitem(last=False)
        self._ready.move_to_end(size)
        return self._ready[size]

    def generate(
        self, size: int, *, seeds: Sequence[int], label: int, truncation: float, walk: float
    ) -> tuple[Made | None, Made]:
        """Images of drawn inputs by teacher and student.

        Args:
            size: index of the student.
            seeds: one number an image.
            label: class of all; -1 for classes in turn.
            truncation: normal inputs are multiplied by this, 0 to 1.
            walk: share of the way to the inputs of the next seed, 0 to 1, on a great circle.
        """
        labels = [label if label >= 0 else index for index in range(len(seeds))]
        batch = draw_inputs(self.inputs, seeds, 0, labels)
        ahead = draw_inputs(self.inputs, [seed + 1 for seed in seeds], 0, labels)
        for name, entry in self.inputs.items():
            if entry.kind in ("normal", "truncated_normal"):
                batch[name] = truncation * _between(batch[name], ahead[name], walk)
        return self._both(size, batch)

    def translate(self, size: int, image: Tensor) -> tuple[Tensor, Made | None, Made]:
        """A picture (1, C, H, W) in [-1, 1], cut to the network's size, and its translations."""
        assert self.image is not None
        entry = self.inputs[self.image]
        fitted = _fitted(image, entry.shape[1], entry.shape[2])
        return fitted, *self._both(size, {self.image: in_range(fitted, entry)})

    def _both(self, size: int, batch: Batch) -> tuple[Made | None, Made]:
        with self._lock:
            student = self._student(size)
            teacher = _run(self.teacher, batch) if self.teacher is not None else None
            return teacher, _run(student.module, batch)


@torch.no_grad()
def _run(module: nn.Module, batch: Batch) -> Made:
    start = time.perf_counter()
    images: Tensor = module(**batch)
    return Made(images, 1e3 * (time.perf_counter() - start))


def _between(first: Tensor, second: Tensor, share: float) -> Tensor:
    """Spherical interpolation (White 2016), by which the length of normal vectors stays usual."""
    if share == 0:
        return first
    a, b = first.flatten(1), second.flatten(1)
    cosine = F.cosine_similarity(a, b).clamp(-0.9999, 0.9999)
    angle = cosine.acos()[:, None]
    mixed = (((1 - share) * angle).sin() * a + (share * angle).sin() * b) / angle.sin()
    return mixed.view_as(first)


def _fitted(image: Tensor, height: int, width: int) -> Tensor:
    """The largest centred window of the wanted shape, resized."""
    scale = min(image.shape[2] / height, image.shape[3] / width)
    rows, columns = max(round(height * scale), 1), max(round(width * scale), 1)
    top, left = (image.shape[2] - rows) // 2, (image.shape[3] - columns) // 2
    window = image[..., top : top + rows, left : left + columns]
    if window.shape[2:] == (height, width):
        return window
    return F.interpolate(window, (height, width), mode="bicubic", antialias=True).clamp(-1, 1)
