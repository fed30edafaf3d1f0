"""Looking at held-out pairs while a supernet learns: how near, the best so far, when to stop."""

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from gancompress.batch import Batch, rows
from gancompress.distillation.terms import SCORES, l1
from gancompress.supernet import Subnet, Supernet
from gancompress.supernet.calibrate import calibrated
from gancompress.training.checkpoint import save_checkpoint

HeldOut = Callable[[], tuple[Batch, Tensor]]
Show = Callable[[int, Mapping[str, Tensor]], None]

# Pairs run at once, and shown.
BATCH = 64
SHOWN = 8


@dataclass(frozen=True)
class Validate:
    """Looking at held-out pairs during the training.

    Attributes:
        held_out: gives inputs and the teacher's outputs.
        every: steps between two looks.
        patience: looks without improvement after which the training ends; 0 for no such end.
        show: takes a step and titled rows of outputs for a few of the inputs, always the same.
    """

    held_out: HeldOut
    every: int
    patience: int
    show: Show


class Validation:
    """Scores the averaged weights of smallest and largest subnet on held-out pairs.

    The score is the mean of both subnets' distances to the teacher (L1; for scores the recipe's
    score term). It draws no random numbers, so that the training is the same with and without it.

    Args:
        supernet: what is trained.
        average: the average of its weights.
        terms: the recipe's, by name.
        validate: what is looked at, and how often.
        fixed: the one subnet that is trained, if it is but one; it is scored in their place.
        best: file for the best average; None where another process writes it.
        log: takes an event for each look.
        moving: the teacher learns as well: it is asked anew for each look, and since the smallest
            distance is to what it was then, none is the best.

    Attributes:
        best_step: step of the best score so far.
        ended: whether patience has run out.
    """

    def __init__(
        self,
        supernet: Supernet,
        average: AveragedModel,
        terms: Mapping[str, object],
        validate: Validate,
        fixed: Subnet | None,
        best: Path | None,
        log: Callable[[Mapping[str, Any]], None],
        *,
        moving: bool,
    ) -> None:
        self._supernet, self._average = supernet, average
        self._distance = next((SCORES[name] for name in terms if name in SCORES), l1)
        self._validate, self._fixed, self._file, self._log = validate, fixed, best, log
        self._moving = moving
        self._inputs, self._target = self._asked()
        self._score, self._looks = math.inf, 0
        self.best_step = 0

    @property
    def ended(self) -> bool:
        patience = self._validate.patience
        return bool(patience) and self._looks >= patience

    def __call__(self, step: int) -> bool:
        """Look, if ``step`` is one to look at; True where the training should end."""
        if step % self._validate.every:
            return False
        if self._moving:
            self._inputs, self._target = self._asked()
        scores, outputs = {}, {"teacher": self._target[:SHOWN]}
        space = self._supernet.space
        subnets = {"smallest": space.smallest, "largest": space.largest}
        for kind, subnet in ({"fixed": self._fixed} if self._fixed else subnets).items():
            output = self._answers(subnet)
            scores[kind] = float(self._distance(output, self._target))
            outputs[kind] = output[:SHOWN]
        event = {"step": step, **{f"held_out.{kind}": value for kind, value in scores.items()}}
        if not self._moving:
            self._keep(step, sum(scores.values()) / len(scores))
            event["best_step"] = self.best_step
        self._log(event)
        self._validate.show(step, outputs)
        return self.ended

    def _asked(self) -> tuple[Batch, Tensor]:
        inputs, target = self._validate.held_out()
        device = next(self._average.parameters()).device
        return {name: value.to(device) for name, value in inputs.items()}, target.to(device)

    def _keep(self, step: int, score: float) -> None:
        self._looks += 1
        if score < self._score:
            self._score, self._looks, self.best_step = score, 0, step
            if self._file is not None:
                save_checkpoint(self._file, {"average": self._average}, {"step": step})

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
