"""A teacher that learns along, small enough for a test: digits are inverted."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from gancompress.batch import Batch, Input
from gancompress.data.images import to_float
from gancompress.distillation.loop import distill
from gancompress.distillation.objective import TermWeight
from gancompress.distillation.options import Options
from gancompress.distillation.validation import Validate
from gancompress.supernet import Supernet
from gancompress.training.engine import Bookkeeping, Training
from gancompress.training.order import batch_indices
from tests.unit.teach.translate import SIZE, Painter, digits

INPUTS = {"image": Input("image", (1, SIZE, SIZE))}


class Live:
    """What ``teacher`` answers when it is asked."""

    stored = False
    real = None
    condition = None
    inputs = INPUTS

    def __init__(self, teacher: nn.Module, batch_size: int, rank: int, ranks: int) -> None:
        self.teacher, self.batch_size, self.rank, self.ranks = teacher, batch_size, rank, ranks
        self.images = to_float(digits("train", 48).batch(range(48)))

    def ask(self, chosen: np.ndarray) -> tuple[Batch, Tensor]:
        assert not self.teacher.training
        images = self.images[torch.from_numpy(chosen)]
        with torch.no_grad():
            return {"image": images}, self.teacher(image=images)

    def numbers_of(self, step: int) -> list[int]:
        whole = batch_indices(step, self.batch_size * self.ranks, len(self.images), 0)
        return whole[self.rank :: self.ranks].tolist()

    def pairs_of(self, step: int) -> tuple[Batch, Tensor]:
        return self.ask(np.array(self.numbers_of(step)))

    def conditions(self, batch: Batch) -> Batch:
        return {}

    def progress(self, step: int, steps: int) -> float:
        return step / steps


def distil(
    folder: Path,
    training: Training,
    *,
    terms: Mapping[str, float],
    log: Callable[[Any], None] = lambda event: None,
    show: Callable[[int, Mapping[str, Tensor]], None] = lambda step, rows: None,
    batch_size: int = 8,
    accelerator: Accelerator | None = None,
) -> nn.Module:
    """Six steps of both; gives the student's average."""
    torch.manual_seed(1)
    accelerator = accelerator or Accelerator(cpu=True)
    supernet = Supernet(Painter(1, 1, 0.0), {"image": torch.zeros(2, 1, SIZE, SIZE)}, divisor=4)
    rank, ranks = accelerator.process_index, accelerator.num_processes
    source: Any = Live(training.live.eval(), batch_size, rank, ranks)
    options = Options(
        steps=6, seed=0, learning_rate=1e-2, betas=(0.5, 0.999), schedule="constant", ema=0.5,
        clip=0.0, accumulate=1, rule="sandwich", random_subnets=1, fixed=None, in_place=0.0,
        fresh=True,
    )  # fmt: skip
    return distill(
        supernet,
        source,
        terms={name: TermWeight(weight) for name, weight in terms.items()},
        taps={},
        networks={},
        teacher=None,
        adversary=None,
        validate=Validate(lambda: source.ask(np.arange(20)), 3, 0, show),
        accelerator=accelerator,
        options=options,
        cache=0,
        books=Bookkeeping(folder / "distill.pt", 0, log, 2, accelerator.is_main_process),
        alongside=training,
    )
