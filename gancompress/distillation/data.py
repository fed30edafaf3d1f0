"""What a training step is given: recorded pairs, real images, unpaired inputs; by step number."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import Tensor

from gancompress.batch import DRAWN, Batch, Input, as_one_hot, class_input, draw_inputs, onto
from gancompress.data.encoding import decode_output
from gancompress.data.images import Images, to_float
from gancompress.data.live import Pairs
from gancompress.data.pairs import PairStore
from gancompress.distillation.options import DistillOptions
from gancompress.distillation.screening import screened
from gancompress.errors import DataError, RecipeError
from gancompress.training.order import batch_indices


@dataclass(frozen=True, kw_only=True)
class DistillData:
    """The data of a distillation.

    Attributes:
        pairs: inputs and the teacher's outputs.
        real: real images, or None.
        options: of the distillation; they say how large a batch is.
        seed: of the order and of unpaired inputs.
        accelerator: says where batches go, and which share of each is this process's.
    """

    pairs: Pairs
    options: DistillOptions
    seed: int
    accelerator: Accelerator
    real: Images | None = None

    def __post_init__(self) -> None:
        condition = self.options.discriminator.condition
        if condition and condition not in self.inputs:
            raise RecipeError(
                f"distill.discriminator.condition: the teacher has no input {condition!r}; it has "
                f"{', '.join(self.inputs)}"
            )
        if condition and self.real is not None:
            raise RecipeError(
                f"distill.discriminator.condition: {condition!r} is not known of the real images "
                "in data.source; write distill.real_weight: 0 and leave out the term "
                "adversarial_real, or leave out one of the two"
            )
        if self.real is not None and self.class_input is not None and self.real.labels is None:
            raise DataError(
                f"real images: no labels, but the student has a class input "
                f"({self.class_input!r}); put the images into one folder a class, or train without "
                "real data"
            )

    @property
    def stored(self) -> bool:
        """Whether the pairs are read, not computed by a teacher."""
        return isinstance(self.pairs, PairStore)

    @cached_property
    def numbers(self) -> np.ndarray:
        """Those of the pairs to learn from."""
        return screened(self.pairs, self.options.per_tag, self.seed)

    @property
    def count(self) -> int:
        """Number of pairs to learn from."""
        return len(self.numbers)

    @property
    def batch_size(self) -> int:
        """Pairs a step, of each process."""
        return self.options.batch_size

    @property
    def rank(self) -> int:
        """Number of this process."""
        return int(self.accelerator.process_index)

    @property
    def ranks(self) -> int:
        """How many processes train together."""
        return int(self.accelerator.num_processes)

    @property
    def inputs(self) -> Mapping[str, Input]:
        """The input specification of teacher and student."""
        return self.pairs.inputs

    @property
    def class_input(self) -> str | None:
        """Name of the input that says the class, if there is one."""
        return class_input(self.inputs)

    def conditions(self, batch: Batch) -> Batch:
        """What of ``batch`` a discriminator is given beside the image."""
        found: Batch = {}
        if classes := self.class_input:
            found[classes] = as_one_hot(self.inputs[classes], batch[classes])
        if name := self.options.discriminator.condition:
            entry, value = self.inputs[name], batch[name]
            if entry.kind == "image":
                value = (value - entry.low) * (2 / (entry.high - entry.low)) - 1
            found["condition"] = value
        return found

    def numbers_of(self, step: int) -> list[int]:
        """Which pairs are this process's in a step."""
        numbers: list[int] = self.numbers[self._own_indices(step, self.count)].tolist()
        return numbers

    def pairs_of(self, step: int) -> tuple[Batch, Tensor]:
        """Inputs and outputs of the teacher; images as float in [-1, 1]."""
        batch, output = self.pairs.batch(self.numbers_of(step))
        return self._placed(batch), onto(decode_output(output), self.accelerator.device)

    def real_of(self, step: int) -> tuple[Tensor, Batch]:
        """Real images and their classes."""
        assert self.real is not None
        chosen = torch.from_numpy(self._own_indices(step, len(self.real)))
        images = onto(to_float(self.real.batch(chosen)), self.accelerator.device)
        if self.class_input is None or self.real.labels is None:
            return images, {}
        classes = self.inputs[self.class_input].choices
        labels = F.one_hot(self.real.labels[chosen], classes).float()
        return images, {self.class_input: onto(labels, self.accelerator.device)}

    def unpaired_of(self, step: int) -> Batch:
        """Inputs without the teacher's output: new ones, or those of other pairs if from data."""
        if any(entry.kind not in DRAWN for entry in self.inputs.values()):
            order = batch_indices(step, self.batch_size * self.ranks, self.count, self.seed + 1)
            return self._placed(self.pairs.batch(self.numbers[order[self.rank :: self.ranks]])[0])
        first = (step * self.ranks + self.rank) * self.batch_size
        # Another stream than the one that the pairs were drawn from.
        indices = range(first, first + self.batch_size)
        return self._placed(draw_inputs(self.inputs, indices, self.seed + 1))

    @property
    def validates(self) -> bool:
        """Whether there is to be an evaluation on held-out pairs, and there are enough of them."""
        count = min(len(self.pairs.held_out), self.options.validation_samples)
        return bool(self.options.validate_every) and count >= 2

    def held_out(self) -> tuple[Batch, Tensor]:
        """The inputs and outputs of an evaluation."""
        indices = list(self.pairs.held_out)[: self.options.validation_samples]
        batch, output = self.pairs.batch(indices)
        return batch, decode_output(output)

    def progress(self, step: int, steps: int) -> float:
        """Share of the training that is done, counted in whole epochs (TinyGAN, DiStyleGAN)."""
        epoch = max(self.count // (self.batch_size * self.ranks), 1)
        return step // epoch * epoch / steps

    def _own_indices(self, step: int, size: int) -> np.ndarray:
        whole = batch_indices(step, self.batch_size * self.ranks, size, self.seed)
        return whole[self.rank :: self.ranks]

    def _placed(self, batch: Batch) -> Batch:
        return {name: onto(value, self.accelerator.device) for name, value in batch.items()}
