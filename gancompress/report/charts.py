"""Charts as inline SVG: they scale, follow the page's colours, and can be read aloud."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from gancompress.report.table import format_count

# Of the drawing, in its own units; the page scales it to its width.
WIDTH, HEIGHT = 480, 320
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 32, 46

# Series that a chart can tell apart by colour.
COLOURS = 6


@dataclass(frozen=True)
class Mark:
    """A point of a chart.

    Attributes:
        x, y: where it is.
        label: what it is, one fact a line; shown when it is pointed at.
        picture: data URI of an image to be shown with it, or empty.
        spread: standard deviation of ``y``.
    """

    x: float
    y: float
    label: str
    picture: str = ""
    spread: float = 0.0


@dataclass(frozen=True)
class Series:
    """Marks of one kind.

    Attributes:
        name: in the legend.
        style: ``dots``, ``line``, ``star`` or ``square``.
        marks: in the order in which a line joins them.
    """

    name: str
    style: str
    marks: Sequence[Mark]


@dataclass(frozen=True)
class Axis:
    """An axis.

    Attributes:
        title: with the unit.
        low, high: what it spans; above 0 if ``log``.
        log: logarithmic.
    """

    title: str
    low: float
    high: float
    log: bool = False

    def share(self, value: float) -> float:
        """Where ``value`` lies, 0 at ``low`` and 1 at ``high``."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """Round values in its range, some four to eight."""
        return _log_ticks(self) if self.log else _linear_ticks(self)


def spanning(title: str, values: Sequence[float], *, log: bool = False) -> Axis:
    """An axis that holds ``values`` with some room at both ends."""
    low, high = min(values), max(values)
    if log:
        room = (high / low) ** 0.06 if high > low else 1.3
        return Axis(title, low / room, high * room, log=True)
    room = 0.06 * (high - low) if high > low else abs(high) * 0.1 or 1.0
    return Axis(title, low - room, high + room)


def scatter(
    x_title: str, y_title: str, series: Sequence[Series], levels: Mapping[str, float] | None = None
) -> str:
    """A chart of marks, the horizontal axis logarithmic. Empty series are left out.

    Args:
        x_title, y_title: of the axes, with the unit.
        series: what is drawn; the first lies below the others.
        levels: by name, places on the horizontal axis where a dashed line stands.
    """
    series, levels = [one for one in series if one.marks], levels or {}
    x = spanning(x_title, [*levels.values(), *(m.x for s in series for m in s.marks)], log=True)
    ends = [m.y + sign * m.spread for s in series for m in s.marks for sign in (-1, 1)]
    y = spanning(y_title, ends)
    drawn = [_drawn(one, index, x, y) for index, one in enumerate(series)]
    label = f"{y_title} over {x_title}: {', '.join(one.name for one in series)}"
    label += "".join(f"; {name} at {format_count(place)}" for name, place in levels.items())
    legend = [(one.name, index) for index, one in enumerate(series)]
    standing = [_level(n, _x(x, at), row) for row, (n, at) in enumerate(levels.items())]
    return _svg(label, [*_grid(x, y), *standing, *drawn]) + _legend(legend)


def lines(title: str, curves: Mapping[str, Mapping[int, float]]) -> str:
    """Curves by step, one colour each, overlaid."""
    points = [(step, value) for curve in curves.values() for step, value in curve.items()]
    x = spanning("step", [float(step) for step, _ in points])
    y = spanning(title, [value for _, value in points])
    drawn = []
    for index, (name, curve) in enumerate(curves.items()):
        path = " ".join(f"{_x(x, step):.1f},{_y(y, value):.1f}" for step, value in curve.items())
        drawn.append(
            f'<polyline class="curve c{index % COLOURS}" points="{path}">'
            f"<title>{escape(name)}</title></polyline>"
        )
    named = list(curves) != [""]
    legend = _legend([(name, index) for index, name in enumerate(curves)]) if named else ""
    return _svg(f"{title} by step", [*_grid(x, y), *drawn]) + legend


def _drawn(series: Series, index: int, x: Axis, y: Axis) -> str:
    colour = f"c{index % COLOURS}"
    parts = []
    places = [(_x(x, mark.x), _y(y, mark.y)) for mark in series.marks]
    if series.style == "line":
        path = " ".join(f"{px:.1f},{py:.1f}" for px, py in places)
        parts.append(f'<polyline class="curve {colour}" points="{path}"/>')
    for mark, (px, py) in zip(series.marks, places, strict=True):
        if mark.spread:
            top, bottom = _y(y, mark.y + mark.spread), _y(y, mark.y - mark.spread)
            parts.append(f'<path class="spread {colour}" d="M{px:.1f} {top:.1f}V{bottom:.1f}"/>')
        parts.append(_mark(series.style, colour, px, py, mark))
    return f"<g>{''.join(parts)}</g>"


def _level(name: str, px: float, row: int) -> str:
    """A dashed vertical line with its name beside it, where there is room: a row of its own."""
    left = px > WIDTH / 2
    place = f'x="{px + (-5 if left else 5):.1f}" y="{TOP + 12 + 18 * row}"'
    anchor = "end" if left else "start"
    return (
        f'<path class="level" d="M{px:.1f} {TOP}V{HEIGHT - BOTTOM}"/>'
        f'<text {place} text-anchor="{anchor}">{escape(name)}</text>'
    )


def _mark(style: str, colour: str, px: float, py: float, mark: Mark) -> str:
    tip = f'data-tip="{escape(mark.label)}"'
    if mark.picture:
        tip += f' data-picture="{escape(mark.picture)}"'
    # Few marks can be reached by keyboard; of hundreds of dots nobody wants to walk through all.
    reach = "" if style == "dots" else ' tabindex="0" role="img"'
    named = f' aria-label="{escape(mark.label)}"' if reach else ""
    if style == "star":
        points = _star(px, py, 9)
        return f'<polygon class="mark {colour}" points="{points}" {tip}{reach}{named}/>'
    if style == "square":
        place = f'x="{px - 5:.1f}" y="{py - 5:.1f}" width="10" height="10"'
        return f'<rect class="mark {colour}" {place} {tip}{reach}{named}/>'
    radius = 2.5 if style == "dots" else 4
    place = f'cx="{px:.1f}" cy="{py:.1f}" r="{radius}"'
    kind = "dot" if style == "dots" else f"mark {colour}"
    return f'<circle class="{kind}" {place} {tip}{reach}{named}/>'


def _star(px: float, py: float, radius: float) -> str:
    corners = []
    for corner in range(10):
        length = radius if corner % 2 == 0 else 0.4 * radius
        angle = math.pi * (corner / 5 - 0.5)
        corners.append(f"{px + length * math.cos(angle):.1f},{py + length * math.sin(angle):.1f}")
    return " ".join(corners)


def _x(axis: Axis, value: float) -> float:
    return LEFT + axis.share(value) * (WIDTH - LEFT - RIGHT)


def _y(axis: Axis, value: float) -> float:
    return HEIGHT - BOTTOM - axis.share(value) * (HEIGHT - TOP - BOTTOM)


def _grid(x: Axis, y: Axis) -> list[str]:
    parts = []
    for tick in x.ticks():
        px = _x(x, tick)
        parts.append(f'<path class="grid" d="M{px:.1f} {TOP}V{HEIGHT - BOTTOM}"/>')
        place = f'x="{px:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle"'
        parts.append(f"<text {place}>{_number(tick)}</text>")
    for tick in y.ticks():
        py = _y(y, tick)
        parts.append(f'<path class="grid" d="M{LEFT} {py:.1f}H{WIDTH - RIGHT}"/>')
        place = f'x="{LEFT - 6}" y="{py + 4:.1f}" text-anchor="end"'
        parts.append(f"<text {place}>{_number(tick)}</text>")
    middle = (LEFT + WIDTH - RIGHT) / 2
    place = f'x="{middle}" y="{HEIGHT - 8}" text-anchor="middle"'
    parts.append(f'<text class="title" {place}>{escape(x.title)}</text>')
    # Above its axis, where it can be read without turning one's head.
    parts.append(f'<text class="title" x="4" y="16">{escape(y.title)}</text>')
    return parts


def _svg(label: str, parts: Sequence[str]) -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="group" '
        f'aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )


def _legend(names: Sequence[tuple[str, int]]) -> str:
    entries = "".join(
        f'<li><span class="swatch c{index % COLOURS}"></span>{escape(name)}</li>'
        for name, index in names
    )
    return f'<ul class="legend">{entries}</ul>'


def _log_ticks(axis: Axis) -> list[float]:
    first, last = math.floor(math.log10(axis.low)), math.ceil(math.log10(axis.high))
    for steps in ((1,), (1, 3), (1, 2, 5)):
        ticks = [s * 10.0**e for e in range(first, last + 1) for s in steps]
        inside = [tick for tick in ticks if axis.low <= tick <= axis.high]
        if len(inside) >= 3:
            return inside
    # Of less than a decade, even steps say more.
    return _linear_ticks(axis)


def _linear_ticks(axis: Axis) -> list[float]:
    rough = (axis.high - axis.low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(s * power for s in (1, 2, 2.5, 5, 10) if s * power >= rough)
    first = math.ceil(axis.low / step)
    return [n * step for n in range(first, math.floor(axis.high / step) + 1)]


def _number(value: float) -> str:
    return re.sub(r"\.0+(?=\D)", "", format_count(value)) if abs(value) >= 1000 else f"{value:.4g}"
