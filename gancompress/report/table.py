"""Tables for the terminal and for Markdown, and how quantities are written in them."""

from collections.abc import Sequence
from dataclasses import dataclass

COUNT_UNITS = ("", "K", "M", "G", "T", "P")
BYTE_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
SECOND_UNITS = ("ns", "µs", "ms", "s")


@dataclass(frozen=True)
class Table:
    """Cells that are already text; the first column names the rows.

    Attributes:
        columns: titles, one per column; the first may be empty.
        rows: one text per column each.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"row {list(row)} has {len(row)} cells, not {len(self.columns)}")

    def text(self) -> str:
        """Aligned with spaces: names to the left, values to the right."""
        widths = [max(map(len, column)) for column in zip(self.columns, *self.rows, strict=True)]
        lines = [_aligned(row, widths) for row in (self.columns, *self.rows)]
        return "\n".join([lines[0], "─" * max(map(len, lines)), *lines[1:]])

    def markdown(self) -> str:
        """As a Markdown table."""
        escaped = [[cell.replace("|", "\\|") for cell in row] for row in (self.columns, *self.rows)]
        marks = ["---", *["---:"] * (len(self.columns) - 1)]
        return "\n".join(f"| {' | '.join(row)} |" for row in (escaped[0], marks, *escaped[1:]))


def format_count(number: float) -> str:
    """MACs, parameters and the like in three digits: ``950``, ``12.3M``, ``1.20G``."""
    return "".join(_scaled(number, COUNT_UNITS, whole=True))


def format_bytes(number: float) -> str:
    """Sizes on disk in decimal units, as file managers show them: ``8.15 MB``."""
    return " ".join(_scaled(number, BYTE_UNITS, whole=True))


def format_seconds(seconds: float, spread: float | None = None) -> str:
    """A duration with its spread in the same unit: ``1.23 ms ± 0.10``."""
    value, unit = _scaled(seconds * 1e9, SECOND_UNITS, whole=False)
    if spread is None:
        return f"{value} {unit}"
    decimals = len(value.partition(".")[2])
    factor = 1e9 / 1000.0 ** SECOND_UNITS.index(unit)
    return f"{value} {unit} ± {spread * factor:.{decimals}f}"


def format_ratio(ratio: float) -> str:
    """How many times: ``8.4×``, ``0.97×``, ``120×``."""
    return f"{_three_digits(ratio)}×" if ratio < 1 or ratio >= 100 else f"{ratio:.1f}×"


def _scaled(number: float, units: Sequence[str], whole: bool) -> tuple[str, str]:
    """``number`` in the largest unit that leaves something before the point, and that unit.

    ``whole`` numbers of the smallest unit are written without decimals.
    """
    index = 0
    # 999.5 and more would be written as 1000 of this unit.
    while abs(number) >= 999.5 and index < len(units) - 1:
        number, index = number / 1000, index + 1
    text = f"{number:.0f}" if whole and index == 0 else _three_digits(number)
    return text, units[index]


def _three_digits(number: float) -> str:
    size = abs(number)
    decimals = 2 if size < 9.995 else 1 if size < 99.95 else 0
    return f"{number:.{decimals}f}"


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    name, *values = (
        cell.rjust(width) if i else cell.ljust(width)
        for i, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return "   ".join((name, *values)).rstrip()
