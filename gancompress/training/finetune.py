"""A short training of a student whose weights are good already; it never makes it worse."""

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from math import cos, inf, isfinite, pi
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss
from torch.nn.modules.batchnorm import _BatchNorm

from gancompress.batch import Batch, batch_size
from gancompress.training.checkpoint import Stateful
from gancompress.training.engine import TrainingLogger, fit
from gancompress.training.optimise import adam, optimizer_step
from gancompress.training.order import batch_indices

# Learning rates that may be tried, the one in the middle first.
RATES = (3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5)
# For how long: a share of the steps, and at least and at most so many.
PROBE_SHARE, PROBE_LEAST, PROBE_MOST = 0.05, 4, 40
# How often the weights are judged on the way.
LOOKS = 8
# Samples of a batch whose own statistics say enough.
LEAST_BATCH = 16

BETAS = (0.9, 0.999)

#: Inputs and the teacher's outputs.
Answered = tuple[Batch, Tensor]

#: Of the student's outputs and the teacher's.
Loss = Callable[[Tensor, Tensor], Tensor]


class Answers(Protocol):
    """Batches with the teacher's outputs: a list, or what reads them when they are wanted."""

    def __len__(self) -> int: ...

    def __getitem__(self, number: int, /) -> Answered: ...


#: A context for a pass forward.
Autocast = Callable[[], AbstractContextManager[object]]


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
    loss: Loss = l1_loss,
    seed: int = 0,
    autocast: Autocast = nullcontext,
    logger: TrainingLogger | None = None,
    show: Callable[[int], None] | None = None,
) -> Finetuned:
    """Train ``student`` in place towards the teacher's outputs (Adam, a half cosine to zero).

    Learning rates that suit inherited weights may ruin those that least squares gave. So some are
    tried for a few steps each, from the middle one to whichever side is better; and the weights
    kept are those that did best on the held-out inputs, which may be those at the beginning.

    Batch norms normalise by the batch, as in any training, where batches have sixteen samples or
    more; everything else stays as in evaluation.

    Args:
        student: in whatever mode; it ends in evaluation mode.
        learned: batches to train on, one a step, each once before any comes again. The more of
            them the better.
        held_out: batches to choose by, in L1 whatever is trained.
        steps: updates after the trial; 0: nothing is done.
        loss: of the student's and the teacher's outputs, a mean.
        seed: of the order of batches.
        autocast: what the student is run in when it learns, for bfloat16; the loss is not.
        logger: names the checkpoint from which a stopped training goes on; None: there is none.
        show: is told the step whenever the weights are judged, with the student as it is then.
    """
    student.eval()
    if steps == 0:
        before = mean_distance(student, held_out)
        return Finetuned(before, before, 0.0, 0)
    how = _Learning(loss, autocast)
    if logger is not None:
        return _finetuned(student, learned, held_out, steps, how, seed, logger, show)
    with TemporaryDirectory() as folder:
        quiet = TrainingLogger(Path(folder) / "finetune.pt", 1e9, lambda event: None, steps)
        return _finetuned(student, learned, held_out, steps, how, seed, quiet, show)


def mean_distance(student: Callable[..., Tensor], pairs: Answers) -> float:
    """Mean absolute difference to the teacher's outputs over all samples."""
    total, count = 0.0, 0
    with torch.no_grad():
        for number in range(len(pairs)):
            batch, target = pairs[number]
            total += float((student(**batch) - target).abs().sum())
            count += target.numel()
    return total / max(count, 1) if isfinite(total) else inf


@dataclass(frozen=True)
class _Learning:
    """By what a student learns, and in which precision."""

    loss: Loss
    autocast: Autocast


def _finetuned(
    student: nn.Module,
    learned: Answers,
    held_out: Answers,
    steps: int,
    how: _Learning,
    seed: int,
    logger: TrainingLogger,
    show: Callable[[int], None] | None,
) -> Finetuned:
    best = _Best()
    if not logger.checkpoint.is_file():
        best = _tried(student, learned, held_out, steps, how, seed)
    optimizer = adam(student.requires_grad_(True).parameters(), best.rate, BETAS)

    def update(step: int, rng: np.random.Generator) -> Mapping[str, Tensor]:
        pair = learned[int(batch_indices(step, 1, len(learned), seed)[0])]
        _at(optimizer, best.rate, step / steps)
        return {"loss": _step(student, optimizer, pair, how)}

    def after(step: int) -> bool:
        if best.rate > 0 and step % max(1, steps // LOOKS) == 0:
            best.look(student, mean_distance(student, held_out), step)
            if show is not None:
                show(step)
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
    how: _Learning,
    seed: int,
) -> _Best:
    """Try learning rates for a few steps each; the student is as it was."""
    best = _Best()
    best.before = best.distance = mean_distance(student, held_out)
    best.weights = copy.deepcopy(student.state_dict())
    count = min(PROBE_MOST, max(PROBE_LEAST, round(PROBE_SHARE * steps)))
    pairs = [learned[int(batch_indices(n, 1, len(learned), seed)[0])] for n in range(count)]

    def reached(rate: float) -> float:
        optimizer = adam(student.requires_grad_(True).parameters(), rate, BETAS)
        for number, pair in enumerate(pairs):
            _at(optimizer, rate, number / count)
            _step(student, optimizer, pair, how)
        distance = mean_distance(student, held_out)
        student.load_state_dict(best.weights)
        return distance

    place = len(RATES) // 2
    found = {place: reached(RATES[place])}
    for side in (-1, 1):
        while 0 <= place + side < len(RATES) and place + side not in found:
            found[place + side] = reached(RATES[place + side])
            if found[place + side] >= found[place]:
                break
            place += side
    best.rate = RATES[place] if found[place] < best.before else 0.0
    return best


def _at(optimizer: torch.optim.Optimizer, rate: float, share: float) -> None:
    """Set the learning rate of where ``share`` of the training is done."""
    for group in optimizer.param_groups:
        group["lr"] = rate * (1 + cos(pi * share)) / 2


def _step(
    student: nn.Module, optimizer: torch.optim.Optimizer, pair: Answered, how: _Learning
) -> Tensor:
    """One update."""
    batch, target = pair
    with torch.enable_grad(), _by_the_batch(student, batch_size(batch)):
        with how.autocast():
            output = student(**batch)
        value = how.loss(output.to(target.dtype), target)
        torch.autograd.backward(value)
    optimizer_step(optimizer)
    detached: Tensor = value.detach()
    return detached


@contextmanager
def _by_the_batch(student: nn.Module, samples: int) -> Iterator[None]:
    """Batch norms normalise by the batch where it is large enough."""
    norms = [child for child in student.modules() if isinstance(child, _BatchNorm)]
    for norm in norms if samples >= LEAST_BATCH else ():
        norm.train()
    try:
        yield
    finally:
        for norm in norms:
            norm.eval()
