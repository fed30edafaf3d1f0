"""Where the numbers of a training go: the run's JSON lines and, where installed, TensorBoard."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from gancompress.run_dir import RunDir


@contextmanager
def logger(run: RunDir, stage: str, main_process: bool) -> Iterator[Callable[..., None]]:
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
