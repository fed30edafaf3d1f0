"""A run appears whole or not at all; the same command begins what was killed or found no room."""

import multiprocessing
import os
import sys
from pathlib import Path

import pytest

from gancompress.cli import main
from gancompress.errors import RecipeError
from gancompress.recipe.load import load_recipe
from tests.workflows.tiny_run import TINY

# Before the first step of a training there are fewer.
FILE_EVENTS = 14
EVENTS = ("os.mkdir", "os.rename", "os.remove", "os.truncate")


def stop_at(event: int, folder: Path, code: int | None) -> None:
    """End this process at its ``event``-th change of a file below ``folder``, or refuse it."""
    seen = [0]

    def hook(name: str, arguments: tuple[object, ...]) -> None:
        writes = name == "open" and str(arguments[1] or "")[:1] in ("w", "a", "x")
        if not (writes or name in EVENTS) or not str(arguments[0]).startswith(str(folder)):
            return
        seen[0] += 1
        if seen[0] == event:
            if code is None:
                os._exit(9)
            raise OSError(code, os.strerror(code), str(arguments[0]))

    sys.addaudithook(hook)


def begun(command: list[str], event: int, folder: Path, code: int | None) -> None:
    """Run ``command`` in a process that is stopped at ``event``."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    stop_at(event, folder, code)
    os._exit(main(command))


def begin(command: list[str], event: int, folder: Path, code: int | None) -> int | None:
    """The exit code of :func:`begun`, forked from a process that has imported everything only."""
    clean = multiprocessing.get_context("forkserver")
    clean.set_forkserver_preload(["gancompress.workflows.run"])
    process = clean.Process(target=begun, args=(command, event, folder, code))
    process.start()
    process.join()
    return process.exitcode


@pytest.mark.parametrize("code", [None, 28], ids=["killed", "out of space"])
def test_stopped_at_any_of_the_first_file_events_the_same_command_goes_on(
    tmp_path: Path, code: int | None
) -> None:
    ends = set()
    for event in range(1, FILE_EVENTS + 1):
        run = tmp_path / str(event) / "run"
        command = ["collect", str(TINY), "teach.steps=1", "collect.count=20", "--run", str(run)]
        ends.add(begin(command, event, tmp_path, code))
        assert main(command) == 0, f"stopped at file event {event}"
        assert not list(run.parent.glob(".begun-*"))
    assert ends <= ({9} if code is None else {2, 0})


def test_a_failed_start_leaves_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for change in ("teacher.file=none.pkl", "search.mac_budget=1", "data.source=none"):
        assert main(["run", str(TINY), change, "--root", str(tmp_path / "runs")]) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert not list((tmp_path / "runs").glob("*"))


@pytest.mark.parametrize("name", ["../outside", "a/b", ".", "..", ".hidden", "a\\b", "x\0y", ""])
def test_a_name_cannot_leave_the_folder_of_runs(name: str, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(f"{TINY.read_text()}\n")
    with pytest.raises(RecipeError, match="is to name a folder"):
        load_recipe(recipe, [f"name={name!r}" if "\0" not in name else 'name="x\\0y"'])


def test_a_name_too_long_for_a_folder_is_refused() -> None:
    with pytest.raises(RecipeError, match="name: 300 bytes long; at most 200"):
        load_recipe(TINY, [f"name={'n' * 300}"])
