"""Loss curves from the events of a run's log."""

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gancompress.atomic import replacing
from gancompress.errors import DataError

# Not losses, although they are numbers.
_NOT_LOSSES = {"step", "time", "stage", "event"}

# Panels side by side.
_ACROSS = 3

# Share of the curve that the smoothing looks back on.
_MEMORY = 0.02


def save_curves(
    events: Iterable[Mapping[str, Any]], path: str | os.PathLike[str], title: str = ""
) -> None:
    """Write a PNG with one panel per loss: what was logged, and its moving average.

    Args:
        events: as logged, each with a ``step`` and losses by name. Where a step comes twice (the
            training was resumed), the later event counts; a loss may be absent from some events.
        path: of the PNG.
        title: above the panels.

    Raises:
        DataError: no event has a step and a loss.
    """
    curves = _curves(events)
    if not curves:
        raise DataError(f"{path}: no losses to draw: no event has a step and a number")
    # The figure is made without pyplot: no backend, no window, no state left behind.
    from matplotlib.figure import Figure

    across = min(_ACROSS, len(curves))
    down = math.ceil(len(curves) / across)
    figure = Figure(figsize=(4.2 * across, 2.7 * down), dpi=110, layout="constrained")
    figure.suptitle(title)
    for index, (name, points) in enumerate(sorted(curves.items())):
        panel = figure.add_subplot(down, across, index + 1)
        steps, values = list(points), list(points.values())
        panel.plot(steps, values, color="tab:blue", alpha=0.35, linewidth=0.8)
        panel.plot(steps, _smoothed(values), color="tab:blue", linewidth=1.5)
        panel.set_title(name, fontsize=10)
        panel.grid(alpha=0.3)
        panel.tick_params(labelsize=8)
        if index >= len(curves) - across:
            panel.set_xlabel("step", fontsize=9)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png")


def _curves(events: Iterable[Mapping[str, Any]]) -> dict[str, dict[int, float]]:
    """Loss name to value by step, in the order of the steps."""
    by_step: dict[int, Mapping[str, Any]] = {}
    for event in events:
        if isinstance(event.get("step"), int) and "event" not in event:
            # Losses and looks at held-out data are lines of their own.
            by_step[event["step"]] = {**by_step.get(event["step"], {}), **event}
    curves: dict[str, dict[int, float]] = {}
    for step in sorted(by_step):
        for name, value in by_step[step].items():
            if name not in _NOT_LOSSES and isinstance(value, int | float):
                curves.setdefault(name, {})[step] = float(value)
    return curves


def _smoothed(values: Sequence[float]) -> list[float]:
    """Exponential moving average, corrected for its start."""
    decay = 1 - 1 / max(1.0, _MEMORY * len(values))
    average, weight, smooth = 0.0, 0.0, []
    for value in values:
        average = decay * average + (1 - decay) * value
        weight = decay * weight + (1 - decay)
        smooth.append(average / weight)
    return smooth
