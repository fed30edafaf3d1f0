"""Online distillation, small enough for a test: digits are inverted."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from gancompress.batch import Batch, Input
from gancompress.data.images import to_float
from gancompress.distillation.features import Networks
from gancompress.distillation.loop import distill
from gancompress.distillation.options import DistillOptions, TermOptions
from gancompress.supernet import Supernet
from gancompress.training.engine import Training, TrainingLogger
from gancompress.training.order import batch_indices
from tests.unit.teach.translate import SIZE, Painter, digits

INPUTS = {"image": Input("image", (1, SIZE, SIZE))}


class Live:
    """The outputs of ``teacher`` at the moment at which they are wanted."""

    stored = False
    real = None
    class_input = None
    inputs = INPUTS
    validates = True
    seed = 0

    def __init__(
        self, teacher: nn.Module, options: DistillOptions, accelerator: Accelerator
    ) -> None:
        self.teacher, self.options, self.accelerator = teacher, options, accelerator
        self.batch_size = options.batch_size
        self.rank, self.ranks = accelerator.process_index, accelerator.num_processes
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

    def held_out(self) -> tuple[Batch, Tensor]:
        return self.ask(np.arange(20))

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
    example = {"image": torch.zeros(2, 1, SIZE, SIZE)}
    supernet = Supernet(Painter(1, 1, 0.0), example, divisor=4, minimum=4)
    options = DistillOptions(
        steps=6, learning_rate=1e-2, ema=0.5, batch_size=batch_size, validate_every=3,
        terms={name: TermOptions(weight=weight) for name, weight in terms.items()},
    )  # fmt: skip
    data: Any = Live(training.live.eval(), options, accelerator)
    logger = TrainingLogger(
        checkpoint=folder / "distill.pt", checkpoint_seconds=0, log=log, log_every=2,
        main_process=accelerator.is_main_process, show=show,
    )  # fmt: skip
    return distill(supernet, data, Networks(), logger=logger, online=training)
