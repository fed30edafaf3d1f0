"""Where a training leaves its numbers (JSON lines, TensorBoard where installed) and weights."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from accelerate import Accelerator

from gancompress.recipe.schema import Recipe
from gancompress.run import RunDir
from gancompress.training.engine import TrainingLogger


@contextmanager
def training_logger(
    recipe: Recipe, run: RunDir, stage: str, accelerator: Accelerator
) -> Iterator[TrainingLogger]:
    """The logger of one training of ``stage``, open as long as it lasts."""
    with event_logger(run, stage, accelerator.is_main_process) as log:
        yield TrainingLogger(
            checkpoint=run.path / "checkpoints" / f"{stage}.pt",
            checkpoint_seconds=recipe.checkpoint_seconds,
            log=log,
            log_every=recipe.log_every,
            main_process=accelerator.is_main_process,
            device=accelerator.device,
        )


@contextmanager
def event_logger(run: RunDir, stage: str, main_process: bool) -> Iterator[Callable[..., None]]:
    """A function that takes one event of ``stage`` and writes it everywhere."""
    writer = _tensorboard(run, stage) if main_process else None

    def log(event: Mapping[str, Any]) -> None:
        if not main_process:
            return
        run.log(stage, event)
        if writer is not None:
            for name, value in event.items():
                if name != "step" and isinstance(value, int | float):
                    writer.add_scalar(f"{stage}/{name}", value, event["step"])

    try:
        yield log
    finally:
        if writer is not None:
            writer.close()


def _tensorboard(run: RunDir, stage: str) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(run.path / "tensorboard" / stage)
