"""One run on disk."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gancompress.errors import RunError
from gancompress.run import RunDir, next_run, runs_in


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    return RunDir.create(tmp_path / "run", version="0")


def test_a_stage_is_complete_once_it_is_recorded(run: RunDir) -> None:
    assert not run.is_complete("teach")
    run.complete("teach", {"steps": 3})
    again = RunDir.open(run.path)
    assert again.is_complete("teach")
    assert again.facts("teach") == {"steps": 3}
    again.reopen("teach")
    assert not run.is_complete("teach")


def test_the_record_of_another_stage_is_none(run: RunDir) -> None:
    run.complete("teach", {"steps": 3})
    (run.path / "stages" / "teach.json").rename(run.path / "stages" / "collect.json")
    assert run.record("collect") is None


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no such run directory"):
        RunDir.open(tmp_path / "none")
    with pytest.raises(RunError, match="not a run directory"):
        RunDir.open(tmp_path)
    (tmp_path / "run.json").write_text('{"format": 99}')
    with pytest.raises(RunError, match="run format 99"):
        RunDir.open(tmp_path)


def test_a_run_is_never_made_over_something_else(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    with pytest.raises(RunError, match="not an empty folder"):
        RunDir.create(tmp_path, version="0")


def test_a_log_line_cut_short_is_passed_over(run: RunDir) -> None:
    run.log("teach", {"step": 1})
    with (run.path / "log.jsonl").open("a") as log:
        log.write('{"stage": "teach", "st')
    assert [event["step"] for event in run.events("teach")] == [1]


def test_another_process_cannot_use_a_run_in_use(run: RunDir) -> None:
    code = (
        "import sys; from pathlib import Path; from gancompress.run import RunDir\n"
        "with RunDir.open(Path(sys.argv[1])).lock(): pass"
    )
    command = [sys.executable, "-c", code, str(run.path)]
    with run.lock():
        held = subprocess.run(command, capture_output=True, text=True, check=False)
    free = subprocess.run(command, capture_output=True, text=True, check=False)
    assert f"in use by process {os.getpid()}" in held.stderr
    assert free.returncode == 0


def test_runs_are_numbered_and_the_newest_comes_first(tmp_path: Path) -> None:
    first = next_run(tmp_path, "digits")
    RunDir.create(first, version="0")
    second = next_run(tmp_path, "digits")
    RunDir.create(second, version="0")
    assert (first.name, second.name) == ("digits-1", "digits-2")
    os.utime(first / "run.json", ns=(0, 0))
    assert runs_in(tmp_path) == [second, first]
    assert json.loads((second / "run.json").read_text())["format"] == 2
