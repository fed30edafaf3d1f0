"""What a check of a recipe found: every mistake with its place, and what is worth knowing."""

import linecache
import re
import traceback
from pathlib import Path

import torch

import gancompress
from gancompress.errors import GancompressError

# A message that names its key itself, e.g. "search.mac_budget: …".
_NAMED = re.compile(r"(distill|teacher|teach|student|search|data|collect|evaluate|export|device"
                    r"|precision|disk|track)\b[\w.\[\]]*(, [\w.]+)*: ")  # fmt: skip

_OURS = Path(gancompress.__file__).parent
_TORCH = Path(torch.__file__).parent


class Findings:
    """Collects what is wrong in a recipe, so that all of it can be told at once.

    Attributes:
        mistakes: one line each, ``key: value, what was expected and what to write``.
        remarks: what is no mistake but worth knowing.
    """

    def __init__(self) -> None:
        self.mistakes: list[str] = []
        self.remarks: list[str] = []

    def mistake(self, text: str) -> None:
        """Add a mistake, once."""
        if text not in self.mistakes:
            self.mistakes.append(text)

    def remark(self, text: str) -> None:
        """Add a remark, once."""
        if text not in self.remarks:
            self.remarks.append(text)

    def noting(self, place: str) -> "Noting":
        """Make a mistake of an error inside; ``place`` is the key where the error names none.

        What a user's own code raises is a mistake, with the line. What fails in this package only,
        without an error for users, says nothing about the recipe and becomes a remark.
        """
        return Noting(self, place)

    def note(self, place: str, error: Exception) -> None:
        """Add what ``error`` says, see :meth:`noting`."""
        if isinstance(error, GancompressError):
            lines = str(error).splitlines() or [type(error).__name__]
            one = [" ".join(str(error).split())]
            for line in lines if all(map(_NAMED.match, lines)) else one:
                self.mistake(line if _NAMED.match(line) else f"{place}: {line}")
            return
        text = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        if line := users_line(error):
            self.mistake(f"{place}: {text} (in {line})")
        else:
            self.remark(f"{place}: could not be checked ({text})")


class Noting:
    """The context of :meth:`Findings.noting`: no error leaves it."""

    def __init__(self, findings: Findings, place: str) -> None:
        self._findings, self._place = findings, place

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        # A user's factory may raise whatever it likes.
        if isinstance(error, Exception):
            self._findings.note(self._place, error)
        return isinstance(error, Exception)


def users_line(error: BaseException) -> str:
    """The innermost line of the error's way that is neither PyTorch's nor this package's."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        file = Path(frame.filename)
        if not (file.is_relative_to(_OURS) or file.is_relative_to(_TORCH)) and file.is_file():
            shown = file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
            text = linecache.getline(frame.filename, frame.lineno or 0).strip()
            return f"{shown}:{frame.lineno} `{text}`"
    return ""
