"""Where the numbers of a training go."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gancompress.assemble.logs import event_logger
from gancompress.run import RunDir


class Writer:
    """What TensorBoard's writer is asked to do."""

    told: list[tuple[Any, ...]]

    def __init__(self, folder: Path) -> None:
        Writer.told = [("folder", folder.name)]

    def add_scalar(self, name: str, value: float, step: int) -> None:
        Writer.told.append((name, value, step))

    def close(self) -> None:
        Writer.told.append(("closed",))


def test_numbers_go_to_json_lines_and_to_tensorboard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Writer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    run = RunDir(tmp_path)
    with event_logger(run, "distill", main_process=True) as log:
        log({"step": 4, "l1": 0.5, "remark": "words"})
    assert [e["l1"] for e in run.events("distill")] == [0.5]
    assert Writer.told == [("folder", "distill"), ("distill/l1", 0.5, 4), ("closed",)]


def test_without_tensorboard_and_in_other_processes_all_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    run = RunDir(tmp_path)
    for main_process in (True, False):
        with event_logger(run, "distill", main_process=main_process) as log:
            log({"step": 1, "l1": 1.0})
    assert len(list(run.events("distill"))) == 1


class Tracker:
    """What a tracker of accelerate is asked to do."""

    name = "mlflow"
    told: list[tuple[Any, ...]]

    def __init__(self, project: str, run_name: str) -> None:
        Tracker.told = [(project, run_name)]

    def start(self) -> None:
        Tracker.told.append(("started",))

    def log(self, values: dict[str, float], step: int | None) -> None:
        Tracker.told.append((values, step))

    def finish(self) -> None:
        Tracker.told.append(("finished",))


def test_numbers_go_to_the_trackers_that_a_recipe_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accelerate.tracking.MLflowTracker", Tracker)
    monkeypatch.setattr("gancompress.assemble.logs.check_trackers", lambda names: None)
    run = RunDir(tmp_path / "digits-1")
    run.path.mkdir()
    with event_logger(run, "distill", True, ["mlflow"], "digits") as log:
        log({"step": 4, "l1": 0.5, "remark": "words"})
    values = {"distill/l1": 0.5, "distill/step": 4}
    assert Tracker.told == [("digits", "digits-1"), ("started",), (values, 4), ("finished",)]
    assert not (run.path / "tensorboard").exists()
