"""A short training of a student whose weights are good already; it never makes it worse."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import cos, pi
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from gancompress.batch import Batch
from gancompress.training.checkpoint import Stateful
from gancompress.training.engine import TrainingLogger, fit
from gancompress.training.optimise import adam, optimizer_step

# Learning rates that are tried, and for which share of the steps (but at most so many).
RATES = (1e-3, 3e-4, 1e-4, 3e-5)
PROBE_SHARE, PROBE_MOST = 0.05, 12
# How often the weights are judged on the way.
LOOKS = 8

BETAS = (0.9, 0.999)

#: Inputs and the teacher's outputs.
Answered = tuple[Batch, Tensor]


class Answers(Protocol):
    """Batches with the teacher's outputs: a list, or what reads them when they are wanted."""

    def __len__(self) -> int: ...

    def __getitem__(self, number: int, /) -> Answered: ...


@dataclass(frozen=True)
class Finetuned:
    """What a fine-tuning did.

    Attributes:
        before, after: mean absolute distance to the teacher on the held-out inputs.
        learning_rate: the one that did best when tried; 0 where none lowered the distance.
        steps: after which the weights were best; 0: those that it began with.
    """

    before: float
    after: float
    learning_rate: float
    steps: int


def finetune(
    student: nn.Module,
    learned: Answers,
    held_out: Answers,
    *,
    steps: int,
    seed: int = 0,
    logger: TrainingLogger | None = None,
) -> Finetuned:
    """Train ``student`` in place towards the teacher's outputs (L1, Adam, cosine).

    Weights that least squares gave lie in a flat valley: learning rates that suit inherited weights
    ruin them. So some are tried for a few steps each; and the weights kept are those that did best
    on the held-out inputs, which may be those at the beginning.

    Args:
        student: in whatever mode; it is trained in evaluation mode, so that the statistics of batch
            norms stay as they are, and stays in evaluation mode.
        learned: batches to train on; one is taken each step.
        held_out: batches to choose by.
        steps: updates after the trial; 0: nothing is done.
        seed: of the order of batches.
        logger: names the checkpoint from which a stopped training goes on; None: there is none.
    """
    student.eval()
    if steps == 0:
        before = mean_distance(student, held_out)
        return Finetuned(before, before, 0.0, 0)
    if logger is not None:
        return _finetuned(student, learned, held_out, steps, seed, logger)
    with TemporaryDirectory() as folder:
        quiet = TrainingLogger(Path(folder) / "finetune.pt", 1e9, lambda event: None, steps)
        return _finetuned(student, learned, held_out, steps, seed, quiet)


def mean_distance(student: Callable[..., Tensor], pairs: Answers) -> float:
    """Mean absolute difference to the teacher's outputs over all samples."""
    total, count = 0.0, 0
    with torch.no_grad():
        for number in range(len(pairs)):
            batch, target = pairs[number]
            total += float((student(**batch) - target).abs().sum())
            count += target.numel()
    return total / max(count, 1) if np.isfinite(total) else float("inf")


def _finetuned(
    student: nn.Module,
    learned: Answers,
    held_out: Answers,
    steps: int,
    seed: int,
    logger: TrainingLogger,
) -> Finetuned:
    best = _Best()
    if not logger.checkpoint.is_file():
        best = _tried(student, learned, held_out, steps, seed)
    optimizer = adam(student.requires_grad_(True).parameters(), best.rate, BETAS)

    def update(step: int, rng: np.random.Generator) -> Mapping[str, Tensor]:
        for group in optimizer.param_groups:
            group["lr"] = best.rate * (1 + cos(pi * step / steps)) / 2
        return {"l1": _step(student, optimizer, learned[int(rng.integers(len(learned)))])}

    def after(step: int) -> bool:
        if best.rate > 0 and step % max(1, steps // LOOKS) == 0:
            best.look(student, mean_distance(student, held_out), step)
        return best.rate == 0

    state: dict[str, Stateful] = {"student": student, "optimizer": optimizer, "best": best}
    fit(update, state, logger, steps=steps, seed=seed, after=after)
    student.load_state_dict(best.weights)
    rate = best.rate if best.step else 0.0
    return Finetuned(best.before, best.distance, rate, best.step)


class _Best:
    """The best weights so far, and the learning rate that is trained with (0: none is any good)."""

    def __init__(self) -> None:
        self.before = self.distance = self.rate = 0.0
        self.step = 0
        self.weights: dict[str, Tensor] = {}

    def look(self, student: nn.Module, distance: float, step: int) -> None:
        """Keep the weights where they are better."""
        if distance < self.distance:
            self.distance, self.step = distance, step
            self.weights = copy.deepcopy(student.state_dict())

    def state_dict(self) -> dict[str, Any]:
        return dict(vars(self))

    def load_state_dict(self, state_dict: dict[str, Any], /) -> None:
        vars(self).update(state_dict)


def _tried(
    student: nn.Module,
    learned: Answers,
    held_out: Answers,
    steps: int,
    seed: int,
) -> _Best:
    """Try every learning rate for a few steps; the student is as it was."""
    best = _Best()
    best.before = best.distance = least = mean_distance(student, held_out)
    best.weights = copy.deepcopy(student.state_dict())
    for rate in RATES:
        optimizer = adam(student.requires_grad_(True).parameters(), rate, BETAS)
        rng = np.random.default_rng(seed)
        for _ in range(min(PROBE_MOST, max(2, round(PROBE_SHARE * steps)))):
            _step(student, optimizer, learned[int(rng.integers(len(learned)))])
        distance = mean_distance(student, held_out)
        student.load_state_dict(best.weights)
        if distance < least:
            least, best.rate = distance, rate
    return best


def _step(student: nn.Module, optimizer: torch.optim.Optimizer, pair: Answered) -> Tensor:
    batch, target = pair
    with torch.enable_grad():
        loss = (student(**batch) - target).abs().mean()
        loss.backward()
    optimizer_step(optimizer)
    detached: Tensor = loss.detach()
    return detached
