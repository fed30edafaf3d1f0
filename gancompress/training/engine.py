"""The one training loop: progress, logs, checkpoints, exact resume, rollback.

What is trained, and how, is the ``update`` function's business. Everything random in step *n* comes
from (seed, *n*), so that a checkpoint holds no random state and a training that was killed and
resumed ends with the same numbers as one that was not.
"""

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from tqdm import tqdm

from gancompress.errors import DivergenceError, Terminated
from gancompress.progress import progress_bar
from gancompress.training.checkpoint import Stateful, load_checkpoint, save_checkpoint
from gancompress.training.optimise import everywhere, processes
from gancompress.training.order import step_generator
from gancompress.training.warnings import FindWarnings, WarningLogger, console

Update = Callable[[int, np.random.Generator], Mapping[str, Tensor]]

CPU = torch.device("cpu")

# Rollbacks of one stage before it is given up.
MAX_ATTEMPTS = 3


@dataclass(frozen=True)
class TrainingLogger:
    """Where a training writes its losses, checkpoints and pictures, and which process does.

    Attributes:
        checkpoint: file to resume from and to write; kept at the end. Its stem is the title.
        checkpoint_seconds: time between two checkpoints; 0 writes one at every log step.
        log: takes one event (means of the losses since the last) every ``log_every`` steps.
        log_every: steps between two events.
        main_process: only this one writes and shows anything.
        device: where processes exchange their losses.
        keep_every: steps between two checkpoints that are kept as ``<stem>-<step>.pt`` for good;
            a training continues from one that is copied over ``checkpoint``. 0: none.
        show: takes a step and titled rows of outputs at every evaluation, to make a picture of.
    """

    checkpoint: Path
    checkpoint_seconds: float
    log: Callable[[Mapping[str, Any]], None]
    log_every: int
    main_process: bool = True
    device: torch.device = CPU
    keep_every: int = 0
    show: Callable[[int, Mapping[str, Tensor]], None] = lambda step, rows: None

    @property
    def title(self) -> str:
        """Of the progress bar and in messages."""
        return self.checkpoint.stem

    def with_warnings(self, find_warnings: FindWarnings) -> WarningLogger:
        """A log with warnings where the losses look wrong, to take the place of ``log``."""
        return WarningLogger(find_warnings, self.log, console(self.main_process), self.title)


@dataclass(frozen=True, kw_only=True)
class Training:
    """A generator's training that is ready to begin.

    Attributes:
        update: see :func:`fit`.
        state: see :func:`fit`.
        find_warnings: finds what looks wrong in the losses.
        live: the generator that learns.
        average: its moving average, in evaluation mode.
        after: see :func:`fit`.
    """

    update: Update
    state: Mapping[str, Stateful]
    find_warnings: FindWarnings
    live: nn.Module
    average: nn.Module
    after: Callable[[int], bool] | None = None


def train(training: Training, logger: TrainingLogger, *, steps: int, seed: int) -> nn.Module:
    """Run ``training`` as :func:`fit` does, with warnings; returns the moving average."""
    watched = replace(logger, log=logger.with_warnings(training.find_warnings))
    fit(training.update, training.state, watched, steps=steps, seed=seed, after=training.after)
    return training.average


def fit(
    update: Update,
    state: Mapping[str, Stateful],
    logger: TrainingLogger,
    *,
    steps: int,
    seed: int,
    after: Callable[[int], bool] | None = None,
) -> None:
    """Run ``update`` for ``steps`` steps, or for those left since the checkpoint.

    Args:
        update: does step *n* with the generator of that step, returns its losses by name, each a
            scalar tensor (left on its device: they are only read at every ``log_every``-th step).
        state: all that a resumed training must find as it was.
        logger: where checkpoints and losses go.
        seed: of everything that is drawn.
        after: takes the number of steps done, after each; True ends the training early.

    Raises:
        DivergenceError: a loss was not finite, and was so again after :data:`MAX_ATTEMPTS`
            rollbacks to the last checkpoint.
        KeyboardInterrupt: the user stopped it; the checkpoint has been written.
    """
    checkpoint, main_process = logger.checkpoint, logger.main_process
    progress = {"step": 0, "attempt": 0}
    if checkpoint.is_file():
        progress = load_checkpoint(checkpoint, state)
    elif main_process:
        save_checkpoint(checkpoint, state, progress)
    means = _Means()
    bar = progress_bar(
        total=steps, initial=progress["step"], desc=logger.title, disable=not main_process
    )
    saved = time.monotonic()
    with bar, _stop_requests() as stop_requested:
        while progress["step"] < steps and not progress.get("ended"):
            # One step, with its own randomness.
            step = progress["step"]
            rng = step_generator(seed, step, progress["attempt"])
            torch.manual_seed(int(rng.integers(2**63)))
            means.add(update(step, rng))
            progress["step"] = step + 1
            bar.update()

            if after is not None and after(progress["step"]):
                progress["ended"] = 1

            # Read the losses now and then; go back where they are not finite.
            last = progress["step"] == steps or bool(progress.get("ended"))
            keep = bool(logger.keep_every) and progress["step"] % logger.keep_every == 0
            read = last or keep or progress["step"] % logger.log_every == 0
            # Several processes have to stop at the same step.
            asked = stop_requested() if read or processes() == 1 else None
            stopping = not everywhere(asked is None, logger.device) if read else bool(asked)
            if not (read or stopping):
                continue
            losses = means.take(logger.device)
            broken = [name for name, value in losses.items() if not math.isfinite(value)]
            if broken:
                progress = _roll_back(logger, state, progress, broken)
                bar.reset(steps)
                bar.update(progress["step"])
                continue
            bar.set_postfix(_brief(losses), refresh=False)
            if main_process:
                logger.log({"step": progress["step"], **losses})

            # Keep what was reached.
            due = time.monotonic() - saved >= logger.checkpoint_seconds
            if main_process and (last or due or stopping):
                save_checkpoint(checkpoint, state, progress)
                saved = time.monotonic()
            if main_process and keep:
                kept = checkpoint.with_name(f"{checkpoint.stem}-{progress['step']}.pt")
                save_checkpoint(kept, state, progress)
            if stopping:
                raise asked or KeyboardInterrupt


def _roll_back(
    logger: TrainingLogger,
    state: Mapping[str, Stateful],
    progress: Mapping[str, int],
    broken: list[str],
) -> dict[str, int]:
    """Return to the last checkpoint with other random numbers from there on."""
    attempt = progress["attempt"] + 1
    names, title = ", ".join(broken), logger.title
    if attempt > MAX_ATTEMPTS:
        raise DivergenceError(
            f"{title}: {names} not finite near step {progress['step']}, {attempt} times over; "
            "lower the learning rate or that term's weight, or clip the gradient"
        )
    back = {**load_checkpoint(logger.checkpoint, state), "attempt": attempt}
    logger.log(
        {"step": progress["step"], "event": f"{names} not finite; back to step {back['step']}"}
    )
    tqdm.write(f"{title}: {names} not finite at step {progress['step']}; back to {back['step']}")
    return back


def _brief(losses: Mapping[str, float]) -> dict[str, str]:
    """For the progress bar: the parts of a loss (``l1.largest``, ``l1.smallest``) as their mean."""
    parts: dict[str, list[float]] = {}
    for name, value in losses.items():
        parts.setdefault(name.partition(".")[0], []).append(value)
    return {name: f"{sum(values) / len(values):.3g}" for name, values in parts.items()}


class _Means:
    """Running means of named scalars that stay on their device until they are taken."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}

    def add(self, values: Mapping[str, Tensor]) -> None:
        for name, value in values.items():
            value = value.detach()
            self.sums[name] = self.sums[name] + value if name in self.sums else value
            self.counts[name] = self.counts.get(name, 0) + 1

    def take(self, device: torch.device) -> dict[str, float]:
        """The means since the last time, over all processes: each of them gets the same."""
        means = {name: float(total) / self.counts[name] for name, total in self.sums.items()}
        self.sums, self.counts = {}, {}
        if processes() == 1:
            return means
        values = torch.tensor(list(means.values()), device=device)
        dist.all_reduce(values)
        return dict(zip(means, (values / processes()).tolist(), strict=True))


@contextmanager
def _stop_requests() -> Iterator[Callable[[], type[KeyboardInterrupt] | None]]:
    """Turn a first SIGINT or SIGTERM into a request to stop after the step; a second one stops.

    Yields what tells how to stop, or None while nobody has asked for it.
    """
    received: list[int] = []
    kinds = {int(signal.SIGINT): KeyboardInterrupt, int(signal.SIGTERM): Terminated}

    def request(number: int, frame: FrameType | None) -> None:
        if received:
            raise kinds[number]
        received.append(number)

    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    before = {number: signal.signal(number, request) for number in kinds}
    try:
        yield lambda: kinds[received[0]] if received else None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
