"""How far something is: a bar on a terminal, a line now and then where output goes to a log."""

import sys
from collections.abc import Iterable
from typing import Any, TextIO

from tqdm import tqdm

# Between two lines in a log.
SECONDS = 10.0

_LINE = "{desc} {n_fmt}/{total_fmt} ({percentage:.0f} %), {rate_fmt}, {remaining} left{postfix}"


def progress_bar(
    iterable: Iterable[Any] | None = None, *, file: TextIO | None = None, **settings: Any
) -> "tqdm[Any]":
    """A bar of tqdm; where ``file`` is no terminal it writes whole lines, :data:`SECONDS` apart.

    Args:
        iterable: what is passed through, if anything.
        file: standard error by default.
        settings: further ones of tqdm (``total``, ``desc``, ``disable``, …).
    """
    file = file or sys.stderr
    if file.isatty():
        return tqdm(iterable, file=file, **settings)
    lines = {"bar_format": _LINE, "mininterval": SECONDS, "maxinterval": SECONDS, "leave": True}
    return tqdm(iterable, file=Lines(file), **{**settings, **lines})


class Lines:
    """Takes what tqdm draws over and over, and writes it as lines."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._last = ""

    def write(self, text: str) -> None:
        """Write ``text`` as a line, unless it is empty or the last one again."""
        line = text.strip("\r\n ")
        if line and line != self._last:
            self._last = line
            self._file.write(line + "\n")

    def flush(self) -> None:
        """As of a file."""
        self._file.flush()
