"""Evaluation of a generator while it is trained: pictures, scores, and the best weights kept."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from gancompress.training.checkpoint import load_checkpoint, save_checkpoint
from gancompress.training.engine import Training, TrainingLogger


@dataclass(frozen=True)
class EvaluationPlan:
    """What is evaluated, and how often.

    Attributes:
        every: steps between two evaluations; the last step has one as well.
        show: takes a step and the averaged generator, to make pictures of its images.
        score: gives the Fréchet distance of the averaged generator as ``frechet``, with whatever
            else is to be logged; None where there is no extractor.
        best: whether the weights of the best score are the ones that are used.
    """

    every: int
    show: Callable[[int, nn.Module], None]
    score: Callable[[nn.Module], Mapping[str, Any]] | None
    best: bool


@dataclass(frozen=True)
class TrainedGenerator:
    """A trained generator.

    Attributes:
        module: the moving average, on the device it was trained on, in evaluation mode.
        step: whose weights they are.
        frechet: its distance at that step, if it was measured.
    """

    module: nn.Module
    step: int
    frechet: float | None


class TeacherEvaluation:
    """The ``after`` of :func:`gancompress.training.engine.fit`.

    It draws nothing from the training's random numbers, so that a training is the same with and
    without it.

    Args:
        training: whose moving average is evaluated.
        plan: what is evaluated; None for nothing.
        steps: of the training.
        logger: takes an event for each evaluation; the best average is kept beside its checkpoint.
    """

    def __init__(
        self, training: Training, plan: EvaluationPlan | None, steps: int, logger: TrainingLogger
    ) -> None:
        self._average, self._plan, self._steps = training.average, plan, steps
        self._file = logger.checkpoint.with_name(f"{logger.title}-best.pt")
        self._main_process = logger.main_process
        self._logger = logger.with_warnings(training.find_warnings)
        self._best, self._best_step = math.inf, 0
        self._last: float | None = None

    def __call__(self, step: int) -> bool:
        """Evaluate, if it is due after ``step``; never ends the training."""
        plan = self._plan
        if plan is None or (step % plan.every and step != self._steps):
            return False
        module = self._average
        if not all(bool(value.isfinite().all()) for value in module.parameters()):
            return False
        with torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(0)
            module.eval()
            plan.show(step, module)
            scores = dict(plan.score(module)) if plan.score is not None else {}
        if scores:
            self._keep(step, float(scores["frechet"]))
            self._logger({"step": step, **scores, "best_step": self._best_step})
        return False

    def _keep(self, step: int, frechet: float) -> None:
        self._last = frechet
        if frechet < self._best:
            self._best, self._best_step = frechet, step
            if self._main_process and self._plan is not None and self._plan.best:
                save_checkpoint(self._file, {"average": self._average}, {"step": step})

    def trained(self) -> TrainedGenerator:
        """The weights to use, once the training has ended."""
        step, frechet = self._steps, self._last
        if self._plan is not None and self._plan.best and self._best_step:
            step, frechet = self._best_step, self._best
            if step < self._steps:
                load_checkpoint(self._file, {"average": self._average})
                self._logger.warn(step, "the weights of this step are the best and are used")
        return TrainedGenerator(self._average.eval(), step, frechet)

    def state_dict(self) -> dict[str, Any]:
        return {"best": self._best, "best_step": self._best_step, "last": self._last}

    def load_state_dict(self, state_dict: dict[str, Any], /) -> None:
        self._best, self._best_step = state_dict["best"], state_dict["best_step"]
        self._last = state_dict["last"]


def at_intervals(evaluate: Callable[[int], None], every: int, steps: int) -> Callable[[int], bool]:
    """An ``after`` of :func:`~gancompress.training.engine.fit` that evaluates now and then.

    Args:
        evaluate: takes the number of steps done.
        every: steps between two evaluations, the last step having one as well; 0 for none.
        steps: length of the training.
    """

    def after(done: int) -> bool:
        if every and (done % every == 0 or done == steps):
            evaluate(done)
        return False

    return after
