"""Pairs in batches, with the teacher's outputs as numbers, read when they are wanted."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from gancompress.batch import Batch
from gancompress.data.encoding import decode_output
from gancompress.data.live import Pairs
from gancompress.data.pairs import Recordable


@dataclass(frozen=True)
class AnsweredPairs:
    """Batches of ``pairs``, images in [-1, 1], on ``device``; ``batches`` holds their indices."""

    pairs: Pairs
    batches: Sequence[range]
    device: torch.device

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, number: int) -> tuple[Batch, Tensor]:
        inputs, outputs = self.pairs.batch(self.batches[number])
        moved = {name: value.to(self.device) for name, value in inputs.items()}
        return moved, decode_output(outputs).to(self.device)


@dataclass(frozen=True)
class DrawnAnswers:
    """Batches of inputs drawn from a seed; the teacher is asked once for each, when it is wanted.

    Attributes:
        teacher: all of its inputs can be drawn.
        size: samples of a batch.
        count: batches. Their outputs are kept in half precision.
        seed: of the inputs.
    """

    teacher: Recordable
    size: int
    count: int
    seed: int
    _kept: dict[int, tuple[Batch, Tensor]] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> tuple[Batch, Tensor]:
        if number not in self._kept:
            indices = range(number * self.size, (number + 1) * self.size)
            batch = self.teacher.sample_inputs(indices, self.seed)
            self._kept[number] = batch, self.teacher(batch).half()
        batch, output = self._kept[number]
        return batch, output.float()
