"""Terminals, signals and users that are not as on the author's machine."""

import io
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from gancompress.atomic import write_json
from gancompress.cli import main
from gancompress.data.cache import default_cache
from gancompress.progress import progress_bar

SHOW = [sys.executable, "-m", "gancompress", "recipe", "schema"]


def test_output_that_a_terminal_cannot_show_is_replaced() -> None:
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    told = subprocess.run(SHOW, capture_output=True, env=env)
    assert told.returncode == 0, told.stderr
    assert b"Fr?chet" in told.stdout


def test_a_reader_that_wants_no_more_ends_it_quietly() -> None:
    process = subprocess.Popen(SHOW, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()  # as `| head` does
    told = process.stderr.read()
    assert process.wait() == 141
    assert told == b""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("columns", ["0", "1", "7", "-3", "abc", "", "9" * 30])
def test_a_terminal_of_any_width_shows_help_and_progress(
    columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    for verb in (["--help"], ["shrink", "--help"], ["search", "--help"]):
        with pytest.raises(SystemExit) as ended:
            main(verb)
        assert ended.value.code == 0
    terminal = Terminal()
    for dynamic in (False, True):
        with progress_bar(total=3, desc="distill", file=terminal, dynamic_ncols=dynamic) as bar:
            bar.update(3)
            bar.set_postfix(loss=0.5)
    assert "distill" in terminal.getvalue()


def test_a_user_without_a_home_has_a_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("GANCOMPRESS_CACHE", raising=False)
    monkeypatch.setattr(Path, "expanduser", none)
    assert default_cache().is_relative_to(tempfile.gettempdir())


def test_a_name_that_is_no_text_can_be_kept(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"name": os.fsdecode(b"caf\xe9.png")})
    assert b"caf" in (tmp_path / "a.json").read_bytes()


STOPPED = """
import argparse, os, signal, sys
from gancompress import cli
from gancompress.training.engine import _stop_requests

def command(options):
    if sys.argv[1] != "training":
        os.kill(os.getpid(), signal.SIGTERM)
    with _stop_requests() as asked:
        os.kill(os.getpid(), signal.SIGTERM)
        raise asked()

parser = cli.command_parser()
parser.parse_known_args = lambda arguments: (argparse.Namespace(command=command), [])
cli.command_parser = lambda: parser
sys.exit(cli.main([]))
"""


@pytest.mark.parametrize("where", ["training", "elsewhere"])
def test_a_request_to_end_ends_as_an_interrupt_does(where: str) -> None:
    command = [sys.executable, "-c", STOPPED, where]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 128 + signal.SIGTERM
    assert ended.stderr == "gancompress: terminated; the same command goes on from here\n"
