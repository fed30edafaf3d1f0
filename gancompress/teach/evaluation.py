"""Looking at a generator while it is taught: pictures, scores, and the best weights kept."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from gancompress.training.checkpoint import load_checkpoint, save_checkpoint
from gancompress.training.warnings import WarningLogger


@dataclass(frozen=True)
class Look:
    """What is looked at, and how often.

    Attributes:
        every: steps between two looks; the last step is looked at as well.
        show: takes a step and the averaged generator, to make pictures of what it makes.
        score: gives the Fréchet distance of the averaged generator as ``frechet``, with whatever
            else is to be logged; None where nobody can judge.
        best: whether the weights of the best score are the ones that are taken.
    """

    every: int
    show: Callable[[int, nn.Module], None]
    score: Callable[[nn.Module], Mapping[str, Any]] | None
    best: bool


@dataclass(frozen=True)
class Taught:
    """A trained generator.

    Attributes:
        module: the moving average, on the device it was trained on, in evaluation mode.
        step: whose weights they are.
        frechet: its distance at that step, if it was measured.
    """

    module: nn.Module
    step: int
    frechet: float | None


class Looks:
    """The ``after`` of :func:`gancompress.training.engine.fit`.

    It draws nothing from the training's random numbers, so that a training is the same with and
    without it.

    Args:
        average: the moving average of the generator, a module.
        look: what is looked at; None for nothing.
        steps: of the training.
        checkpoint: of the training; the best average is kept beside it.
        main_process: only this one writes.
        logger: takes an event for each evaluation.
    """

    def __init__(
        self,
        average: nn.Module,
        look: Look | None,
        steps: int,
        checkpoint: Path,
        main_process: bool,
        logger: WarningLogger,
    ) -> None:
        self._average, self._look, self._steps = average, look, steps
        self._file = checkpoint.with_name(f"{checkpoint.stem}-best.pt")
        self._main_process, self._logger = main_process, logger
        self._best, self._best_step = math.inf, 0
        self._last: float | None = None

    def __call__(self, step: int) -> bool:
        """Look, if ``step`` is one to look at; never ends the training."""
        look = self._look
        if look is None or (step % look.every and step != self._steps):
            return False
        module = self._average
        if not all(bool(value.isfinite().all()) for value in module.parameters()):
            return False
        with torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(0)
            module.eval()
            look.show(step, module)
            scores = dict(look.score(module)) if look.score is not None else {}
        if scores:
            self._keep(step, float(scores["frechet"]))
            self._logger({"step": step, **scores, "best_step": self._best_step})
        return False

    def _keep(self, step: int, frechet: float) -> None:
        self._last = frechet
        if frechet < self._best:
            self._best, self._best_step = frechet, step
            if self._main_process and self._look is not None and self._look.best:
                save_checkpoint(self._file, {"average": self._average}, {"step": step})

    def taught(self) -> Taught:
        """The weights to take, once the training has ended."""
        step, frechet = self._steps, self._last
        if self._look is not None and self._look.best and self._best_step:
            step, frechet = self._best_step, self._best
            if step < self._steps:
                load_checkpoint(self._file, {"average": self._average})
                self._logger.warn(step, "the weights of this step are the best and are used")
        return Taught(self._average.eval(), step, frechet)

    def state_dict(self) -> dict[str, Any]:
        return {"best": self._best, "best_step": self._best_step, "last": self._last}

    def load_state_dict(self, state_dict: dict[str, Any], /) -> None:
        self._best, self._best_step = state_dict["best"], state_dict["best_step"]
        self._last = state_dict["last"]


def looking(look: Callable[[int], None], every: int, steps: int) -> Callable[[int], bool]:
    """What :func:`~gancompress.training.engine.fit` calls after each step, to look now and then.

    Args:
        look: takes the number of steps done.
        every: steps between two looks, the last step being one as well; 0 for no looks.
        steps: length of the training.
    """

    def after(done: int) -> bool:
        if every and (done % every == 0 or done == steps):
            look(done)
        return False

    return after
