"""A file is the old one or the new one, never a half."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gancompress.atomic import replacing, write_json, write_text


def test_the_new_file_takes_the_place_of_the_old(tmp_path: Path) -> None:
    write_text(tmp_path / "a", "old")
    write_text(tmp_path / "a", "new")
    assert (tmp_path / "a").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_failure_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    write_text(tmp_path / "a", "old")
    with pytest.raises(ValueError, match="broken"), replacing(tmp_path / "a") as temporary:
        temporary.write_text("half")
        raise ValueError("broken")
    assert (tmp_path / "a").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_folders_on_the_way_are_made(tmp_path: Path) -> None:
    write_json(tmp_path / "b" / "c.json", {"ä": 1})
    assert "ä" in (tmp_path / "b" / "c.json").read_text()


def test_what_a_killed_process_left_is_cleared_and_what_a_living_one_writes_is_not(
    tmp_path: Path,
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    dead, young, living = (
        tmp_path / f".{name}.txt.{process}.0123abcd.tmp"
        for name, process in (("a", ended.pid), ("b", ended.pid), ("c", os.getpid()))
    )
    for path in (dead, young, living):
        path.touch()
    for path in (dead, living):
        os.utime(path, (1e9, 1e9))
    write_text(tmp_path / "new.txt", "")
    assert {path.name for path in tmp_path.iterdir()} == {"new.txt", young.name, living.name}
