"""Where a training leaves its numbers (JSON lines, trackers) and its weights."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from accelerate import Accelerator, tracking
from accelerate.tracking import GeneralTracker

from gancompress.errors import MissingPackageError
from gancompress.recipe.schema import Recipe
from gancompress.run import RunDir
from gancompress.training.engine import TrainingLogger


@contextmanager
def training_logger(
    recipe: Recipe, run: RunDir, stage: str, accelerator: Accelerator
) -> Iterator[TrainingLogger]:
    """The logger of one training of ``stage``, open as long as it lasts."""
    main, track = accelerator.is_main_process, recipe.track
    with event_logger(run, stage, main, track, recipe.name) as log:
        yield TrainingLogger(
            checkpoint=run.path / "checkpoints" / f"{stage}.pt",
            checkpoint_seconds=recipe.checkpoint_seconds,
            log=log,
            log_every=recipe.log_every,
            main_process=accelerator.is_main_process,
            device=accelerator.device,
        )


@contextmanager
def event_logger(
    run: RunDir,
    stage: str,
    main_process: bool,
    track: Sequence[str] = ("tensorboard",),
    project: str = "gancompress",
) -> Iterator[Callable[..., None]]:
    """A function that takes one event of ``stage`` and writes it everywhere.

    Args:
        run: receives ``log.jsonl`` and, where it is wanted and installed, ``tensorboard/``.
        stage: prefix of the names.
        main_process: the others write nothing.
        track: trackers by their names.
        project: what the run belongs to at a tracker.

    Raises:
        MissingPackageError: a tracker other than TensorBoard is not installed.
    """
    wanted = track if main_process else ()
    writer = _tensorboard(run, stage) if "tensorboard" in wanted else None
    trackers = [_tracker(name, run, project) for name in wanted if name != "tensorboard"]

    def log(event: Mapping[str, Any]) -> None:
        if not main_process:
            return
        run.log(stage, event)
        numbers = {
            f"{stage}/{name}": value
            for name, value in event.items()
            if name != "step" and isinstance(value, int | float)
        }
        for name, value in numbers.items():
            if writer is not None:
                writer.add_scalar(name, value, event["step"])
        for tracker in trackers if numbers else ():
            # Every stage counts from 0, which Weights & Biases takes for going back in time.
            step = None if tracker.name == "wandb" else event["step"]
            tracker.log({**numbers, f"{stage}/step": event["step"]}, step=step)

    try:
        yield log
    finally:
        if writer is not None:
            writer.close()
        for tracker in trackers:
            tracker.finish()


def check_trackers(track: Sequence[str]) -> None:
    """Refuse trackers whose package is not installed; TensorBoard may be missing.

    Raises:
        MissingPackageError: with what to install.
    """
    missing = [name for name in track if name != "tensorboard" and find_spec(name) is None]
    if missing:
        raise MissingPackageError(
            f"track: {', '.join(missing)}: not installed: pip install {' '.join(missing)}"
        )


def _tracker(name: str, run: RunDir, project: str) -> GeneralTracker:
    """A tracker of accelerate, begun; all stages of a run are one run there."""
    check_trackers([name])
    title = run.path.name
    begin: dict[str, Callable[[], GeneralTracker]] = {
        "wandb": lambda: tracking.WandBTracker(
            project, name=title, id=title, resume="allow", dir=str(run.path)
        ),
        "mlflow": lambda: tracking.MLflowTracker(project, run_name=title),
        "trackio": lambda: tracking.TrackioTracker(project, name=title, resume="allow"),
    }
    tracker = begin[name]()
    tracker.start()
    return tracker


def _tensorboard(run: RunDir, stage: str) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(run.path / "tensorboard" / stage)
