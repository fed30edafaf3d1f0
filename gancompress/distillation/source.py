"""What a training step is fed: recorded pairs, real images, fresh inputs; by step number."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gancompress.batch import DRAWN, Batch, Input, draw_inputs, onto
from gancompress.data.encoding import decode_output
from gancompress.data.images import Images, to_float
from gancompress.data.live import Pairs
from gancompress.data.pairs import PairStore
from gancompress.errors import DataError, RecipeError
from gancompress.training.order import batch_indices


@dataclass(frozen=True)
class Source:
    """The data of a distillation.

    Attributes:
        pairs: inputs and the teacher's outputs.
        real: real images, or None.
        batch_size: samples a step.
        seed: of order and fresh inputs.
        device: where batches go.
        rank, ranks: which share of every batch is this process's.
        told: name of an image or label map that a discriminator sees beside each image, as its
            argument ``condition``; empty for none.
    """

    pairs: Pairs
    real: Images | None
    batch_size: int
    seed: int
    device: torch.device
    rank: int = 0
    ranks: int = 1
    told: str = ""

    def __post_init__(self) -> None:
        if self.told and self.told not in self.inputs:
            raise RecipeError(
                f"distill.discriminator.told: the teacher is not fed {self.told!r}; it is fed "
                f"{', '.join(self.inputs)}"
            )
        if self.told and self.real is not None:
            raise RecipeError(
                f"distill.discriminator.told: {self.told!r} is not known of the real images in "
                "data.source; write distill.real_weight: 0 and leave out the term "
                "adversarial_real, or leave out one of the two"
            )
        if self.real is not None and self.condition is not None and self.real.labels is None:
            raise DataError(
                f"real images: no labels, but the student is told a class ({self.condition!r}); "
                "put the images into one folder a class, or train without real data"
            )

    @property
    def stored(self) -> bool:
        """Whether the pairs are read, not asked of a teacher."""
        return isinstance(self.pairs, PairStore)

    @property
    def count(self) -> int:
        """Number of pairs to learn from."""
        return len(self.pairs.train)

    @property
    def inputs(self) -> Mapping[str, Input]:
        """The input specification of teacher and student."""
        return self.pairs.inputs

    @property
    def condition(self) -> str | None:
        """Name of the input that says the class, if there is one."""
        return next((name for name, e in self.inputs.items() if e.kind == "one_hot"), None)

    def conditions(self, batch: Batch) -> Batch:
        """What of ``batch`` a discriminator is told as well."""
        found = {self.condition: batch[self.condition]} if self.condition else {}
        if self.told:
            entry, value = self.inputs[self.told], batch[self.told]
            if entry.kind == "image":
                value = (value - entry.low) * (2 / (entry.high - entry.low)) - 1
            found["condition"] = value
        return found

    def numbers_of(self, step: int) -> list[int]:
        """Which pairs are this process's in a step."""
        numbers: list[int] = self._mine(step, self.count).tolist()
        return numbers

    def pairs_of(self, step: int) -> tuple[Batch, Tensor]:
        """Inputs and outputs of the teacher; images as float in [-1, 1]."""
        batch, output = self.pairs.batch(self.numbers_of(step))
        target = decode_output(output)
        return self._placed(batch), onto(target, self.device)

    def real_of(self, step: int) -> tuple[Tensor, Batch]:
        """Real images and their classes."""
        assert self.real is not None
        chosen = torch.from_numpy(self._mine(step, len(self.real)))
        images = onto(to_float(self.real.batch(chosen)), self.device)
        if self.condition is None or self.real.labels is None:
            return images, {}
        classes = self.inputs[self.condition].shape[0]
        labels = F.one_hot(self.real.labels[chosen], classes).float()
        return images, {self.condition: onto(labels, self.device)}

    def fresh_of(self, step: int) -> Batch:
        """Inputs without the teacher's answer: new ones, or those of other pairs if from data."""
        if any(entry.kind not in DRAWN for entry in self.inputs.values()):
            order = batch_indices(step, self.batch_size * self.ranks, self.count, self.seed + 1)
            return self._placed(self.pairs.batch(order[self.rank :: self.ranks])[0])
        first = (step * self.ranks + self.rank) * self.batch_size
        # Another stream than the one that the pairs were drawn from.
        indices = range(first, first + self.batch_size)
        return self._placed(draw_inputs(self.inputs, indices, self.seed + 1))

    def progress(self, step: int, steps: int) -> float:
        """Share of the training that is done, counted in whole epochs (TinyGAN, DiStyleGAN)."""
        epoch = max(self.count // (self.batch_size * self.ranks), 1)
        return step // epoch * epoch / steps

    def _mine(self, step: int, size: int) -> np.ndarray:
        whole = batch_indices(step, self.batch_size * self.ranks, size, self.seed)
        return whole[self.rank :: self.ranks]

    def _placed(self, batch: Batch) -> Batch:
        return {name: onto(value, self.device) for name, value in batch.items()}
