"""Looking at held-out pairs while a supernet learns: how near, the best so far, when to stop."""

import copy
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from gancompress.batch import Batch, rows
from gancompress.distill.terms import SCORES, l1
from gancompress.elastic import Subnet, Supernet
from gancompress.elastic.calibrate import calibrated
from gancompress.training.checkpoint import save_checkpoint

HeldOut = tuple[Batch, Tensor]
Show = Callable[[int, Mapping[str, Tensor]], None]

# Pairs run at once, and shown.
BATCH = 64
SHOWN = 8


class Validation:
    """Scores the averaged weights of smallest and largest subnet on held-out pairs.

    The score is the mean of both subnets' distances to the teacher (L1; for scores the recipe's
    score term). It draws no random numbers, so that the training is the same with and without it.

    Args:
        supernet: what is trained.
        average: the average of its weights.
        terms: the recipe's, by name.
        held_out: inputs and the teacher's outputs.
        fixed: the one subnet that is trained, if it is but one; it is scored in their place.
        every: steps between two looks.
        patience: looks without improvement after which a call returns True; 0 for never.
        best: file for the best average; None where another process writes it.
        log: takes an event for each look.
        show: takes a step and rows of outputs for a few of the inputs, always the same.

    Attributes:
        best_step: step of the best score so far.
        ended: whether patience has run out.
    """

    def __init__(
        self,
        supernet: Supernet,
        average: AveragedModel,
        terms: Mapping[str, object],
        held_out: HeldOut,
        fixed: Subnet | None,
        every: int,
        patience: int,
        best: Path | None,
        log: Callable[[Mapping[str, Any]], None],
        show: Show,
    ) -> None:
        self._supernet, self._average = supernet, average
        self._distance = next((SCORES[name] for name in terms if name in SCORES), l1)
        device = next(average.parameters()).device
        self._inputs = {name: value.to(device) for name, value in held_out[0].items()}
        self._target = held_out[1].to(device)
        self._fixed = fixed
        self._every, self._patience = every, patience
        self._file, self._log, self._show = best, log, show
        self._score, self._looks = math.inf, 0
        self.best_step = 0

    @property
    def ended(self) -> bool:
        return bool(self._patience) and self._looks >= self._patience

    def __call__(self, step: int) -> bool:
        """Look, if ``step`` is one to look at; True where the training should end."""
        if step % self._every:
            return False
        scores, outputs = {}, {"teacher": self._target[:SHOWN]}
        space = self._supernet.space
        subnets = {"smallest": space.smallest, "largest": space.largest}
        for kind, subnet in ({"fixed": self._fixed} if self._fixed else subnets).items():
            output = self._answers(subnet)
            scores[kind] = float(self._distance(output, self._target))
            outputs[kind] = output[:SHOWN]
        score = sum(scores.values()) / len(scores)
        self._looks += 1
        if score < self._score:
            self._score, self._looks, self.best_step = score, 0, step
            if self._file is not None:
                save_checkpoint(self._file, {"average": self._average}, {"step": step})
        named = {f"held_out.{kind}": value for kind, value in scores.items()}
        self._log({"step": step, **named, "best_step": self.best_step})
        self._show(step, outputs)
        return self.ended

    def _answers(self, subnet: tuple[int, ...]) -> Tensor:
        batches = [
            rows(self._inputs, slice(start, start + BATCH))
            for start in range(0, len(self._target), BATCH)
        ]
        with torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(0)
            module = calibrated(_with(self._supernet, self._average.module), subnet, batches)
            return torch.cat([module(**batch) for batch in batches])

    def state_dict(self) -> dict[str, Any]:
        return {"score": self._score, "looks": self._looks, "best_step": self.best_step}

    def load_state_dict(self, state_dict: dict[str, Any], /) -> None:
        self._score, self._looks = state_dict["score"], state_dict["looks"]
        self.best_step = state_dict["best_step"]


def _with(supernet: Supernet, module: nn.Module) -> Supernet:
    """``supernet`` on the weights of ``module``, which is of the same architecture."""
    twin = copy.copy(supernet)
    twin.__dict__["_modules"] = {**supernet._modules, "module": module}
    return twin
