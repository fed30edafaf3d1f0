"""What a search found, to look at: cost against quality, and the widths that were chosen."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gancompress.atomic import replacing
from gancompress.errors import DataError

_UNITS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "K"))


@dataclass(frozen=True)
class Point:
    """A network by one cost and one quality.

    Attributes:
        cost: MACs, seconds or any other.
        quality: the mean over evaluation seeds.
        spread: its standard deviation over them.
    """

    cost: float
    quality: float
    spread: float = 0.0


@dataclass(frozen=True)
class FrontPanel:
    """What one panel shows: quality over one cost.

    Attributes:
        cost: name on the horizontal axis, ``MACs``.
        quality: name on the vertical axis, with the direction: ``L1 (lower is better)``.
        candidates: everything that was scored.
        front: what nothing else beats, cheapest first.
        uniform: uniform-width subnets, cheapest first.
        chosen: for the budget.
        teacher: the cost and the quality of the original; None where its quality is not defined.
    """

    cost: str
    quality: str
    candidates: Sequence[Point]
    front: Sequence[Point]
    uniform: Sequence[Point]
    chosen: Point | None = None
    teacher: Point | None = None


def save_front(panels: Sequence[FrontPanel], path: str | os.PathLike[str], title: str = "") -> None:
    """Write a PNG with one panel per cost (MACs, latency), costs on a logarithmic axis.

    Raises:
        DataError: there is nothing to draw.
    """
    if not panels or not all(panel.candidates for panel in panels):
        raise DataError(f"{path}: no candidates to draw")
    # The figure is made without pyplot: no backend, no window, no state left behind.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4 * len(panels), 4.6), dpi=110, layout="constrained")
    figure.suptitle(title)
    for index, panel in enumerate(panels):
        _draw(figure.add_subplot(1, len(panels), index + 1), panel)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png")


def _draw(axes: Any, panel: FrontPanel) -> None:
    axes.scatter(
        *_columns(panel.candidates),
        s=12,
        color="0.7",
        label=f"candidates ({len(panel.candidates)})",
    )
    lines = (("uniform width", panel.uniform, "tab:orange"), ("front", panel.front, "tab:blue"))
    for name, points, colour in lines:
        if points:
            spreads = [point.spread for point in points]
            axes.errorbar(
                *_columns(points), yerr=spreads, color=colour, marker="o", markersize=4,
                linewidth=1.2, capsize=2, label=name,
            )  # fmt: skip
    marks = (("teacher", panel.teacher, "s", "black"), ("chosen", panel.chosen, "*", "tab:red"))
    for name, point, marker, colour in marks:
        if point is not None:
            axes.scatter(
                [point.cost], [point.quality], marker=marker, s=130, color=colour, label=name,
                zorder=3,
            )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlabel(panel.cost)
    axes.set_ylabel(panel.quality)
    axes.xaxis.set_major_formatter(lambda value, _: _short(value))
    axes.xaxis.set_minor_formatter(lambda value, _: "")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)


def save_widths(
    chosen: Mapping[str, int],
    full: Mapping[str, int],
    path: str | os.PathLike[str],
    title: str = "",
) -> None:
    """Write a PNG with the width of each channel group, the chosen one before the full one.

    Args:
        chosen: width by group, in the order to draw.
        full: full width by the same groups.

    Raises:
        DataError: there are no groups, or they differ.
    """
    if not chosen or chosen.keys() != full.keys():
        raise DataError(f"{path}: the widths chosen and the full ones are of different groups")
    from matplotlib.figure import Figure

    rows = list(range(len(chosen)))
    figure = Figure(figsize=(7, 1 + 0.32 * len(rows)), dpi=110, layout="constrained")
    figure.suptitle(title)
    axes = figure.add_subplot()
    axes.barh(rows, [full[name] for name in chosen], color="0.85", label="full")
    bars = axes.barh(rows, list(chosen.values()), color="tab:blue", height=0.5, label="chosen")
    axes.bar_label(bars, fontsize=8, padding=3)
    axes.set_yticks(rows, list(chosen), fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("channels")
    axes.legend(fontsize=8)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png")


def _columns(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    return [point.cost for point in points], [point.quality for point in points]


def _short(value: float) -> str:
    for scale, prefix in _UNITS:
        if value >= scale:
            return f"{value / scale:.3g}{prefix}"
    return f"{value:.3g}"
