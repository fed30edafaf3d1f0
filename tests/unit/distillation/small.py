"""A distillation small enough for a test: 8-pixel images, a few channels, data made up."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from gancompress.batch import Batch, Input, draw_inputs
from gancompress.distillation.loop import Adversary, distill
from gancompress.distillation.objective import TermWeight
from gancompress.distillation.options import Options
from gancompress.supernet import Supernet
from gancompress.training.engine import Bookkeeping
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
    """What a distillation is fed, computed from the teacher on the spot.

    ``poison`` names a step whose batch holds a NaN.
    """

    condition = None
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
        self.batch_size, self.rank, self.ranks, self.poison = batch_size, rank, ranks, poison
        self.latents = draw_inputs(INPUTS, range(size), 0)["z"]
        with torch.no_grad():
            self.targets = teacher(self.latents).clone()
        self.real = torch.tanh(torch.randn(30, 3, 8, 8, generator=torch.Generator().manual_seed(1)))

    def _mine(self, step: int, size: int) -> Tensor:
        whole = batch_indices(step, self.batch_size * self.ranks, size, 0)
        return torch.from_numpy(whole[self.rank :: self.ranks].copy())

    @property
    def count(self) -> int:
        return len(self.latents)

    def numbers_of(self, step: int) -> list[int]:
        return self._mine(step, self.count).tolist()

    def pairs_of(self, step: int) -> tuple[Batch, Tensor]:
        chosen = self._mine(step, self.count)
        target = self.targets[chosen].clone()
        if step == self.poison:
            target[0, 0, 0, 0] = float("nan")
        return {"z": self.latents[chosen]}, target

    def real_of(self, step: int) -> tuple[Tensor, Batch]:
        return self.real[self._mine(step, len(self.real))], {}

    def fresh_of(self, step: int) -> Batch:
        first = (step * self.ranks + self.rank) * self.batch_size
        return draw_inputs(INPUTS, range(first, first + self.batch_size), 1)

    def conditions(self, batch: Batch) -> Batch:
        return {}

    def progress(self, step: int, steps: int) -> float:
        return step / steps


def adversary(**changes: Any) -> Adversary:
    keys: dict[str, Any] = {
        "loss": "hinge",
        "learning_rate": 1e-3,
        "real_weight": 0.2,
        "relativistic": False,
        "r1": 0.0,
        "gradient_penalty": 0.0,
        "penalty_every": 1,
        "widths": False,
    }
    return Adversary(Discriminator(), **{**keys, **changes})


def run(
    folder: Path,
    terms: Mapping[str, float],
    *,
    events: list[Mapping[str, Any]] | None = None,
    student: nn.Module | None = None,
    source: Any = None,
    precision: str = "no",
    **changes: Any,
) -> nn.Module:
    """Distil; ``changes`` replace arguments of :func:`distill` and its options."""
    student = student or Generator(8)
    supernet = Supernet(student, {"z": torch.randn(2, 6)}, divisor=4)
    log = [] if events is None else events
    options: dict[str, Any] = {
        "steps": 6, "seed": 0, "learning_rate": 1e-3, "betas": (0.5, 0.999),
        "schedule": "constant", "ema": 0.5, "clip": 0.0, "accumulate": 1, "rule": "sandwich",
        "random_subnets": 1, "fixed": None, "in_place": 0.0, "fresh": True,
    }  # fmt: skip
    options |= {name: changes.pop(name) for name in options if name in changes}
    keys: dict[str, Any] = {
        "taps": {}, "networks": {}, "teacher": None, "adversary": None, "validate": None,
        "accelerator": Accelerator(cpu=True, mixed_precision=precision),
        "options": Options(**options), "cache": 0,
    }  # fmt: skip
    books = Bookkeeping(
        folder / "distill.pt",
        0.0,
        changes.pop("log", log.append),
        changes.pop("log_every", 2),
        keys["accelerator"].is_main_process,
    )
    weights = {name: TermWeight(weight) for name, weight in terms.items()}
    source = source or Made(Generator(8, seed=1))
    return distill(supernet, source, terms=weights, books=books, **{**keys, **changes})
