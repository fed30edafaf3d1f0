"""A distillation small enough for a test: 8-pixel images, a few channels, data made up."""

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from gancompress.batch import Batch, Input, draw_inputs
from gancompress.distillation.features import Networks
from gancompress.distillation.loop import distill
from gancompress.distillation.options import DiscriminatorOptions, DistillOptions, TermOptions
from gancompress.supernet import Supernet
from gancompress.training.engine import TrainingLogger
from gancompress.training.order import batch_indices

INPUTS = {"z": Input("normal", (6,))}


class Generator(nn.Module):
    """Latent (N, 6) to images (N, 3, 8, 8)."""

    def __init__(self, width: int = 8, seed: int = 0, norm: bool = False) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.fc = nn.Linear(6, 2 * width * 4)
        self.up1 = nn.Sequential(
            nn.Upsample(scale_factor=2),
            # Batch norm takes a bias out again: its gradient is the rounding error of a zero.
            nn.Conv2d(2 * width, width, 3, padding=1, bias=not norm),
            nn.BatchNorm2d(width) if norm else nn.Identity(),
            nn.ReLU(),
        )
        self.up2 = nn.Sequential(
            nn.Upsample(scale_factor=2), nn.Conv2d(width, width, 3, padding=1), nn.ReLU()
        )
        self.image = nn.Sequential(nn.Conv2d(width, 3, 3, padding=1), nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        h = self.fc(z).view(z.shape[0], -1, 2, 2)
        image: Tensor = self.image(self.up2(self.up1(h)))
        return image


class Discriminator(nn.Module):
    """Images to logits and two maps."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.first = nn.Sequential(nn.Conv2d(3, 8, 4, 2, 1), nn.LeakyReLU(0.2))
        self.second = nn.Sequential(nn.Conv2d(8, 8, 4, 2, 1), nn.LeakyReLU(0.2))
        # Under the hinge loss the gradient of a bias is the rounding error of a zero.
        self.out = nn.Linear(32, 1, bias=False)

    def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        first = self.first(image)
        second = self.second(first)
        return self.out(second.flatten(1)), [first, second]


class Made:
    """The data of a distillation, computed from the teacher on the spot.

    ``poison`` names a step whose batch holds a NaN; ``held_out``, how many further pairs there are.
    """

    class_input = None
    stored = True

    def __init__(
        self,
        teacher: nn.Module,
        batch_size: int = 12,
        rank: int = 0,
        ranks: int = 1,
        size: int = 48,
        poison: int = -1,
    ) -> None:
        self.inputs = INPUTS
        self.teacher, self.seed = teacher, 0
        self.batch_size, self.rank, self.ranks, self.poison = batch_size, rank, ranks, poison
        self.latents = draw_inputs(INPUTS, range(size), 0)["z"]
        with torch.no_grad():
            self.targets = teacher(self.latents).clone()
        self.real: Tensor | None = torch.tanh(
            torch.randn(30, 3, 8, 8, generator=torch.Generator().manual_seed(1))
        )
        self.options = DistillOptions()
        self.accelerator: Any = None  # `run` sets it, and the options

    def _mine(self, step: int, size: int) -> Tensor:
        whole = batch_indices(step, self.batch_size * self.ranks, size, 0)
        return torch.from_numpy(whole[self.rank :: self.ranks].copy())

    @property
    def count(self) -> int:
        return len(self.latents)

    @property
    def validates(self) -> bool:
        return self.options.validate_every > 0

    def held_out(self) -> tuple[Batch, Tensor]:
        z = torch.randn(20, 6, generator=torch.Generator().manual_seed(9))
        with torch.no_grad():
            return {"z": z}, self.teacher(z)

    def numbers_of(self, step: int) -> list[int]:
        return self._mine(step, self.count).tolist()

    def pairs_of(self, step: int) -> tuple[Batch, Tensor]:
        chosen = self._mine(step, self.count)
        target = self.targets[chosen].clone()
        if step == self.poison:
            target[0, 0, 0, 0] = float("nan")
        return {"z": self.latents[chosen]}, target

    def real_of(self, step: int) -> tuple[Tensor, Batch]:
        assert self.real is not None
        return self.real[self._mine(step, len(self.real))], {}

    def unpaired_of(self, step: int) -> Batch:
        first = (step * self.ranks + self.rank) * self.batch_size
        return draw_inputs(INPUTS, range(first, first + self.batch_size), 1)

    def conditions(self, batch: Batch) -> Batch:
        return {}

    def progress(self, step: int, steps: int) -> float:
        return step / steps


DISCRIMINATOR = {f.name for f in fields(DiscriminatorOptions)}


def run(
    folder: Path,
    terms: Mapping[Any, float],
    *,
    events: list[Mapping[str, Any]] | None = None,
    student: nn.Module | None = None,
    source: Any = None,
    networks: Networks | None = None,
    logger: Mapping[str, Any] | None = None,
    accelerator: Accelerator | None = None,
    **changes: Any,
) -> nn.Module:
    """Distil; ``changes`` are options of the distillation or of its discriminator."""
    student = student or Generator(8)
    supernet = Supernet(student, {"z": torch.randn(2, 6)}, divisor=4, minimum=4)
    log = [] if events is None else events
    data = source or Made(Generator(8, seed=1))
    data.accelerator = accelerator or Accelerator(cpu=True)
    own = {name: changes.pop(name) for name in DISCRIMINATOR & changes.keys()}
    keys = {
        "steps": 6, "learning_rate": 1e-3, "discriminator_learning_rate": 1e-3, "ema": 0.5,
        "unpaired": True, "validate_every": 0,
    }  # fmt: skip
    data.options = DistillOptions(
        **{**keys, **changes},
        terms={name: TermOptions(weight=weight) for name, weight in terms.items()},
        discriminator=DiscriminatorOptions(**{"penalty_every": 1, **own}),
    )
    keep = TrainingLogger(
        checkpoint=folder / "distill.pt",
        checkpoint_seconds=0.0,
        log=log.append,
        log_every=2,
        main_process=data.accelerator.is_main_process,
    )
    keep = replace(keep, **(logger or {}))
    return distill(supernet, data, networks or Networks(), logger=keep)


def against(teacher: nn.Module | None = None) -> Networks:
    """With a discriminator of its own."""
    return Networks(teacher=teacher, discriminator=Discriminator())
