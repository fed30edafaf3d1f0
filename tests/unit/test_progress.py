"""Progress: lines where there is no terminal."""

import io

from gancompress import progress
from gancompress.progress import progress_bar


def test_a_log_gets_a_few_whole_lines() -> None:
    log = io.StringIO()
    with progress_bar(total=5000, desc="distill", file=log) as bar:
        for step in range(5000):
            bar.set_postfix({"l1": f"{1 / (step + 1):.3g}"}, refresh=False)
            bar.update()
    written = log.getvalue()
    assert "\r" not in written
    first, *_, last = written.splitlines()
    assert first.startswith("distill 0/5000")
    assert last.startswith("distill 5000/5000 (100 %)")
    assert "l1=0.0002" in last
    assert len(written.splitlines()) <= 3


def test_a_terminal_gets_a_bar() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    assert sum(progress_bar(range(4), desc="collect", file=terminal)) == 6
    assert "\r" in terminal.getvalue()
    assert "|" in terminal.getvalue()


def test_lines_are_some_seconds_apart() -> None:
    assert progress.SECONDS >= 5
