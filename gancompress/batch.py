"""What generators are fed: a batch is a mapping of named tensors; a specification says which.

``{"z": (N, 512), "c": (N, 10)}`` feeds a class-conditional generator, ``{"image": (N, 3, H, W)}``
an image-to-image one, ``{"label_map": (N, K, H, W)}`` semantic synthesis. The names are the keyword
arguments of the generator's ``forward``; ``noises__0``, ``noises__1``, … are the list ``noises``
(:mod:`gancompress.generators.adapted`). Images are float in [-1, 1] unless the input says so.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from gancompress.errors import DataError
from gancompress.options import check_seed, check_whole

Batch = dict[str, Tensor]

Kind = Literal[
    "normal", "truncated_normal", "uniform", "one_hot", "label", "tokens", "image", "label_map"
]

# The kinds that can be drawn from a seed; the others come from a data set.
DRAWN: tuple[Kind, ...] = (
    "normal",
    "truncated_normal",
    "uniform",
    "one_hot",
    "label",
    "tokens",
)

# Of one sample: a side of its shape, and all of its values.
LARGEST_SIDE = 2**20
MOST_VALUES = 2**28

# Samples that are drawn at once to trace or time with.
MOST_EXAMPLES = 2**20

# The kinds of whole numbers, int64.
WHOLE: tuple[Kind, ...] = ("label", "tokens")


@dataclass(frozen=True)
class Input:
    """One named input of a generator.

    Attributes:
        kind: how it is drawn. ``normal``: standard normal; ``truncated_normal``: standard normal
            redrawn outside [low, high]; ``uniform``: uniform in [low, high); ``one_hot``: one of
            ``shape[0]`` classes; ``label``: the number of one of ``classes``, int64, as
            ``nn.Embedding`` takes it; ``tokens``: numbers below ``classes``, int64, drawn alike;
            ``image`` and ``label_map``: taken from a data set.
        shape: of one sample, without the batch dimension; ``label``: (). Image-to-image generators
            that take any size give the size they are meant for.
        low: smallest value (images: the value of black).
        high: largest value (images: the value of white).
        shares: ``one_hot``, ``label``: how often each class is drawn; empty: all alike.
        classes: ``label``, ``tokens``: how many numbers there are.
    """

    kind: Kind
    shape: tuple[int, ...]
    low: float = -1.0
    high: float = 1.0
    shares: tuple[float, ...] = ()
    classes: int = 0

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise DataError(
                f"input kind {self.kind!r}: expected one of {', '.join(get_args(Kind))}"
            )
        self._check_kinds()
        if (self.kind in WHOLE) != (self.classes > 0):
            raise DataError(
                f"input of kind {self.kind}: classes {self.classes}; expected "
                + ("how many there are" if self.kind in WHOLE else "none: its shape says it")
            )
        dimensions = 3 if self.kind in ("image", "label_map") else None
        if (dimensions or len(self.shape)) != len(self.shape):
            raise DataError(
                f"input of kind {self.kind}: shape {list(self.shape)}; expected [C, H, W]"
            )
        if not self.shape and self.kind != "label":
            raise DataError(f"input of kind {self.kind}: no shape; expected e.g. [128]")
        if self.kind == "label" and self.shape:
            raise DataError(f"input of kind label: shape {self.shape}; a label has none: []")
        self._check_ranges()
        if self.shares and (
            not self.choices
            or len(self.shares) != self.choices
            or not (min(self.shares) >= 0 and 0 < sum(self.shares) < float("inf"))
        ):
            raise DataError(
                f"class shares {list(self.shares)}: expected one number of 0 or more for each of "
                f"the classes of a one_hot or label input; this is {self.kind} of shape "
                f"{self.shape}"
            )

    def _check_kinds(self) -> None:
        try:
            object.__setattr__(self, "shape", tuple(int(size) for size in self.shape))
            object.__setattr__(self, "shares", tuple(float(share) for share in self.shares))
            float(self.low + self.high + self.classes)
        except (TypeError, ValueError, OverflowError) as error:
            raise DataError(f"input of kind {self.kind}: {error}; give numbers") from None

    def _check_ranges(self) -> None:
        if not all(0 < size <= LARGEST_SIDE for size in self.shape):
            raise DataError(
                f"input of kind {self.kind}: shape {list(self.shape)}; sizes are 1…{LARGEST_SIDE:,}"
            )
        if (values := math.prod(self.shape)) > MOST_VALUES:
            raise DataError(f"input: {values:,} values a sample; at most {MOST_VALUES:,}")
        if not -math.inf < self.low < self.high < math.inf:
            raise DataError(
                f"input of kind {self.kind}: low {self.low}, high {self.high}; low is below high"
            )
        # Else redrawing what lies outside would hardly ever end: 1 in 1,000 is inside here.
        inside = (math.erf(self.high / 2**0.5) - math.erf(self.low / 2**0.5)) / 2
        if self.kind == "truncated_normal" and inside < 1e-3:
            raise DataError(
                f"input of kind truncated_normal: between {self.low} and {self.high} lies next to "
                "nothing of a standard normal distribution; widen the limits"
            )

    @property
    def is_latent(self) -> bool:
        """Whether it is random noise."""
        return self.kind in ("normal", "truncated_normal", "uniform")

    @property
    def choices(self) -> int:
        """How many classes it says one of: ``one_hot`` and ``label``; 0 for the other kinds."""
        if self.kind == "one_hot":
            return self.shape[0]
        return self.classes if self.kind == "label" else 0


InputSpec = dict[str, Input]


def class_input(inputs: Mapping[str, Input]) -> str | None:
    """Name of the input that says the class, if there is one."""
    return next((name for name, entry in inputs.items() if entry.choices), None)


def class_count(inputs: Mapping[str, Input]) -> int:
    """How many classes a generator is told one of; 0 where it is told none."""
    name = class_input(inputs)
    return inputs[name].choices if name else 0


def as_one_hot(entry: Input, value: Tensor) -> Tensor:
    """Classes as a discriminator is told them, float (N, classes), whatever the generator takes."""
    if entry.kind != "label":
        return value
    return torch.nn.functional.one_hot(value, entry.classes).float()


def sample_generator(seed: int, index: int) -> np.random.Generator:
    """The random generator of sample ``index``: the same whatever else is drawn, in any order."""
    return np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, 0, index]))


def draw_inputs(
    spec: Mapping[str, Input],
    indices: Sequence[int],
    seed: int,
    labels: Sequence[int] | None = None,
) -> Batch:
    """Draw the inputs of the samples ``indices``, each from its own random stream.

    Args:
        spec: the inputs; every one of a kind in :data:`DRAWN`.
        indices: numbers of the samples; sample *i* does not depend on the others.
        seed: of the whole stream.
        labels: class of each sample for ``one_hot`` and ``label`` inputs; by default
            ``index % classes``, so that consecutive indices are balanced, or as often as the
            input's ``shares`` say.

    Returns:
        float32 tensors (``label``, ``tokens``: int64) of shape ``(len(indices), *input.shape)`` on
        the CPU.
    """
    undrawable = [name for name, entry in spec.items() if entry.kind not in DRAWN]
    if undrawable:
        raise DataError(
            f"inputs {', '.join(undrawable)}: an image or label map cannot be drawn from a seed; "
            "give the teacher a data set of inputs"
        )
    columns: dict[str, list[np.ndarray]] = {name: [] for name in spec}
    for row, index in enumerate(indices):
        rng = sample_generator(seed, index)
        for name, entry in spec.items():
            label = _class(entry, index) if labels is None else labels[row]
            columns[name].append(_draw(entry, rng, label))
    return {
        name: torch.from_numpy(np.stack(rows) if rows else _none_of(spec[name]))
        for name, rows in columns.items()
    }


def _none_of(entry: Input) -> np.ndarray:
    return np.zeros((0, *entry.shape), "i8" if entry.kind in WHOLE else "f4")


def _class(entry: Input, index: int) -> int:
    """The class of sample ``index``; any stretch of samples has the shares, as near as can be."""
    if not entry.shares:
        return index
    ends = np.cumsum(entry.shares) / sum(entry.shares)
    # Multiples of the golden ratio fill the unit interval most evenly.
    place = (index + 0.5) * 0.6180339887498949 % 1.0
    return int(np.searchsorted(ends, place, side="right"))


def _draw(entry: Input, rng: np.random.Generator, label: int) -> np.ndarray:
    if entry.kind == "one_hot":
        value = np.zeros(entry.shape, dtype=np.float32)
        value[label % entry.shape[0]] = 1.0
        return value
    if entry.kind == "label":
        return np.asarray(label % entry.classes, dtype=np.int64)
    if entry.kind == "tokens":
        return rng.integers(0, entry.classes, entry.shape, dtype=np.int64)
    if entry.kind == "uniform":
        return rng.uniform(entry.low, entry.high, entry.shape).astype(np.float32)
    value = rng.standard_normal(entry.shape, dtype=np.float32)
    if entry.kind == "truncated_normal":
        outside = (value < entry.low) | (value > entry.high)
        while outside.any():
            value[outside] = rng.standard_normal(int(outside.sum()), dtype=np.float32)
            outside = (value < entry.low) | (value > entry.high)
    return value


def example_inputs(spec: Mapping[str, Input], n: int = 2, seed: int = 0) -> Batch:
    """A batch to trace or time a generator with: right shapes, plausible values, not real data.

    Raises:
        OptionError: ``n`` is not 1 to :data:`MOST_EXAMPLES`, or ``seed`` is out of its range.
    """
    check_whole(n, "example_inputs: n", 1, MOST_EXAMPLES)
    check_seed(seed, "example_inputs: seed")
    drawn = draw_inputs({k: e for k, e in spec.items() if e.kind in DRAWN}, range(n), seed)
    batch: Batch = {}
    for name, entry in spec.items():
        if entry.kind == "image":
            rng = np.random.default_rng(seed)
            values = rng.uniform(entry.low, entry.high, (n, *entry.shape)).astype(np.float32)
            batch[name] = torch.from_numpy(values)
        elif entry.kind == "label_map":
            rng = np.random.default_rng(seed)
            classes = torch.from_numpy(rng.integers(0, entry.shape[0], (n, *entry.shape[1:])))
            one_hot = torch.nn.functional.one_hot(classes, entry.shape[0])
            batch[name] = one_hot.movedim(-1, 1).float()
        else:
            batch[name] = drawn[name]
    return batch


def in_range(images: Tensor, entry: Input) -> Tensor:
    """Images in [-1, 1] as the input ``entry`` wants them; what is no image stays as it is."""
    if entry.kind != "image":
        return images
    return (images + 1) * ((entry.high - entry.low) / 2) + entry.low


def batch_size(batch: Mapping[str, Tensor]) -> int:
    """Number of samples in a batch."""
    return next(iter(batch.values())).shape[0]


def rows(batch: Mapping[str, Tensor], index: Tensor | slice | Sequence[int]) -> Batch:
    """The samples of ``batch`` at ``index``."""
    return {name: value[index] for name, value in batch.items()}


def onto(value: Tensor, device: torch.device) -> Tensor:
    """``value`` on ``device``; copied to a GPU without waiting for what that has yet to do.

    ``Tensor.to`` waits, which leaves the GPU idle while the program prepares what comes next. What
    is copied from has been read when this returns, as far as memory is not pinned.
    """
    return value.to(device, non_blocking=device.type == "cuda")


def concatenate(batches: Iterable[Mapping[str, Tensor]]) -> Batch:
    """Join batches along the sample dimension."""
    batches = list(batches)
    return {name: torch.cat([batch[name] for batch in batches]) for name in batches[0]}


def spec_to_json(spec: Mapping[str, Input]) -> dict[str, Any]:
    """An input specification as plain data."""
    plain = {}
    for name, entry in spec.items():
        plain[name] = {**asdict(entry), "shape": list(entry.shape), "shares": list(entry.shares)}
        # What is as it always was keeps its fingerprint.
        if not entry.shares:
            del plain[name]["shares"]
        if not entry.classes:
            del plain[name]["classes"]
    return plain


def spec_from_json(data: Mapping[str, Any]) -> InputSpec:
    """The inverse of :func:`spec_to_json`."""
    return {
        name: Input(**{**entry, "shape": tuple(entry["shape"])}) for name, entry in data.items()
    }
