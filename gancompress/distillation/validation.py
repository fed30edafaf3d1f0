"""Evaluation on held-out pairs while a supernet is trained: the best weights, and when to stop."""

import copy
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from gancompress.batch import Batch, rows
from gancompress.distillation.data import DistillData
from gancompress.distillation.objective import Objective
from gancompress.supernet import Supernet
from gancompress.supernet.calibrate import calibrated
from gancompress.training.checkpoint import save_checkpoint
from gancompress.training.engine import TrainingLogger

# Pairs run at once, and shown.
BATCH = 64
SHOWN = 8


class Validation:
    """Scores the averaged weights of smallest and largest subnet on held-out pairs.

    The score is the mean of both subnets' distances to the teacher (L1; for scores that of the
    recipe's score term). It draws no random numbers, so that the training is the same with and
    without it.

    Args:
        supernet: is trained.
        average: the moving average of its weights.
        data: the held-out pairs, and options; a ``fixed`` subnet is scored in place of both.
        objective: says which distance.
        logger: takes an event and pictures of each evaluation; the best average is kept beside its
            checkpoint.
        online: the teacher is trained as well: its outputs are computed for each evaluation, and
            since the smallest distance is to what it was then, none is the best.

    Attributes:
        best_step: step of the best score so far.
        best_file: the average of that step.
        ended: whether there was no improvement for ``patience`` evaluations.
    """

    def __init__(
        self,
        supernet: Supernet,
        average: AveragedModel,
        data: DistillData,
        objective: Objective,
        logger: TrainingLogger,
        *,
        online: bool,
    ) -> None:
        self._supernet, self._average = supernet, average
        self._data, self._logger, self._online = data, logger, online
        self._distance = objective.distance
        space, fixed = supernet.space, data.options.fixed
        self._subnets = {"smallest": space.smallest, "largest": space.largest}
        if fixed:
            self._subnets = {"fixed": space.parse(fixed)}
        self._inputs, self._target = self._held_out()
        self._score, self._without_improvement = math.inf, 0
        self.best_step = 0
        self.best_file: Path = logger.checkpoint.with_name(f"{logger.title}-best.pt")

    @property
    def ended(self) -> bool:
        patience = self._data.options.patience
        return bool(patience) and self._without_improvement >= patience

    def __call__(self, step: int) -> bool:
        """Evaluate, if it is due after ``step``; True where the training should end."""
        if step % self._data.options.validate_every:
            return False
        if self._online:
            self._inputs, self._target = self._held_out()
        scores, outputs = {}, {"teacher": self._target[:SHOWN]}
        for kind, subnet in self._subnets.items():
            output = self._outputs(subnet)
            scores[kind] = float(self._distance(output, self._target))
            outputs[kind] = output[:SHOWN]
        event = {"step": step, **{f"held_out.{kind}": value for kind, value in scores.items()}}
        if not self._online:
            self._keep(step, sum(scores.values()) / len(scores))
            event["best_step"] = self.best_step
        self._logger.log(event)
        self._logger.show(step, outputs)
        return self.ended

    def _held_out(self) -> tuple[Batch, Tensor]:
        inputs, target = self._data.held_out()
        device = next(self._average.parameters()).device
        return {name: value.to(device) for name, value in inputs.items()}, target.to(device)

    def _keep(self, step: int, score: float) -> None:
        self._without_improvement += 1
        if score < self._score:
            self._score, self._without_improvement, self.best_step = score, 0, step
            if self._logger.main_process:
                save_checkpoint(self.best_file, {"average": self._average}, {"step": step})

    def _outputs(self, subnet: tuple[int, ...]) -> Tensor:
        batches = [
            rows(self._inputs, slice(start, start + BATCH))
            for start in range(0, len(self._target), BATCH)
        ]
        with torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(0)
            module = calibrated(_with(self._supernet, self._average.module), subnet, batches)
            return torch.cat([module(**batch) for batch in batches])

    def state_dict(self) -> dict[str, Any]:
        return {
            "score": self._score,
            "without_improvement": self._without_improvement,
            "best_step": self.best_step,
        }

    def load_state_dict(self, state_dict: dict[str, Any], /) -> None:
        self._score = state_dict["score"]
        self._without_improvement = state_dict["without_improvement"]
        self.best_step = state_dict["best_step"]


def _with(supernet: Supernet, module: nn.Module) -> Supernet:
    """``supernet`` on the weights of ``module``, which is of the same architecture."""
    twin = copy.copy(supernet)
    twin.__dict__["_modules"] = {**supernet._modules, "module": module}
    return twin
