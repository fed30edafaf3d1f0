"""Pairs in batches, with the teacher's outputs as numbers, read when they are wanted."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gancompress.batch import Batch
from gancompress.data.encoding import decode_output
from gancompress.data.live import Pairs


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
