"""A short training of a student whose weights are good already; it never makes it worse."""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import cos, pi

import numpy as np
import torch
from torch import Tensor, nn

from gancompress.batch import Batch

# Learning rates that are tried, and for which share of the steps (but at most so many).
RATES = (1e-3, 3e-4, 1e-4, 3e-5)
PROBE_SHARE, PROBE_MOST = 0.05, 12
# How often the weights are judged on the way.
LOOKS = 8


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
    teacher: Callable[[Batch], Tensor],
    batches: Sequence[Batch],
    held_out: Sequence[Batch],
    *,
    steps: int,
    seed: int = 0,
) -> Finetuned:
    """Train ``student`` in place towards the teacher's outputs (L1, Adam, cosine).

    Weights that least squares gave lie in a flat valley: learning rates that suit inherited weights
    ruin them. So some are tried for a few steps each; and the weights kept are those that did best
    on the held-out inputs, which may be those at the beginning.

    Args:
        student: in whatever mode; it is trained in evaluation mode, so that the statistics of batch
            norms stay as they are, and stays in evaluation mode.
        teacher: a batch to its outputs.
        batches: inputs to train on; one is taken each step.
        held_out: inputs to choose by.
        steps: updates after the trial; 0: nothing is done.
        seed: of the order of batches.
    """
    student.eval()
    learned = [(batch, teacher(batch)) for batch in batches]
    judged = [(batch, teacher(batch)) for batch in held_out]
    before = _distance(student, judged)
    start = copy.deepcopy(student.state_dict())
    if steps == 0:
        return Finetuned(before, before, 0.0, 0)
    trial = min(PROBE_MOST, max(2, round(PROBE_SHARE * steps)))
    found = {}
    for rate in RATES:
        student.load_state_dict(start)
        for _ in _train(student, learned, [rate] * trial, seed):
            pass
        found[rate] = _distance(student, judged)
    rate = min(found, key=lambda r: found[r])
    best, best_step, kept = before, 0, start
    student.load_state_dict(start)
    if found[rate] < before:
        rates = [rate * (1 + cos(pi * step / steps)) / 2 for step in range(steps)]
        for step in _train(student, learned, rates, seed):
            if step % max(1, steps // LOOKS):
                continue
            distance = _distance(student, judged)
            if distance < best:
                best, best_step, kept = distance, step, copy.deepcopy(student.state_dict())
    student.load_state_dict(kept)
    return Finetuned(before, best, rate if best_step else 0.0, best_step)


def _train(
    student: nn.Module, pairs: Sequence[tuple[Batch, Tensor]], rates: Sequence[float], seed: int
) -> Iterator[int]:
    """One update for each of ``rates``; gives the number of updates done after each."""
    parameters = [p.requires_grad_(True) for p in student.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=rates[0])
    rng = np.random.default_rng(seed)
    for step, rate in enumerate(rates, 1):
        for group in optimiser.param_groups:
            group["lr"] = rate
        batch, target = pairs[int(rng.integers(len(pairs)))]
        optimiser.zero_grad()
        with torch.enable_grad():
            (student(**batch) - target).abs().mean().backward()
        optimiser.step()
        yield step


def _distance(student: nn.Module, pairs: Sequence[tuple[Batch, Tensor]]) -> float:
    """Mean absolute difference over all samples."""
    total, count = 0.0, 0
    with torch.no_grad():
        for batch, target in pairs:
            total += float((student(**batch) - target).abs().sum())
            count += target.numel()
    return total / max(count, 1) if np.isfinite(total) else float("inf")
