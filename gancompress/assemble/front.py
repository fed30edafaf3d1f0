"""What a search found, to look at: two pictures, a list, and how far its scores can be trusted."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from gancompress.architecture_search.budget import METRICS, Costs, columns_of, fits, format_amount
from gancompress.architecture_search.front import Candidate, Front
from gancompress.report.front import FrontPanel, Point, save_front, save_widths
from gancompress.report.table import Table
from gancompress.run import RunDir
from gancompress.supernet import SearchSpace
from gancompress.supernet.axes import BRANCH

# A budget whose last fifth nothing was scored in was not searched for.
NEAR = 0.8

# What is written below a cost, and seconds are shown as milliseconds.
_AXES = {
    "macs": "MACs",
    "latency": "latency (ms)",
    "weight_bytes": "bytes",
    "activation_bytes": "bytes of activations",
    "params": "parameters",
}


def draw_front(
    front: Front,
    chosen: Candidate,
    space: SearchSpace,
    run: RunDir,
    limits: Mapping[str, float],
) -> None:
    """Write ``front.png``, quality of every stage over MACs and the limits, and ``widths.png``."""
    last = front.last_stage(chosen)
    panels = [_panel(front, chosen, stage, "macs") for stage in front.stages]
    columns = [METRICS[name].column for name in limits]
    panels += [_panel(front, chosen, last, column) for column in columns if column != "macs"]
    save_front(panels, run.path / "front.png", f"{len(front.candidates)} subnets scored")
    widths = dict(zip(space.groups, chosen.subnet, strict=True))
    full = dict(zip(space.groups, space.largest, strict=True))
    save_widths(widths, full, run.path / "widths.png", f"subnet {chosen.subnet.brief}")


def _panel(front: Front, chosen: Candidate, stage: str, cost: str) -> FrontPanel:
    objective, direction = next(iter(front.stages[stage].items()))
    better = "lower" if direction == "minimize" else "higher"
    marked = _points([chosen], cost, stage, objective)
    return FrontPanel(
        cost=_AXES.get(cost, cost),
        quality=f"{objective} ({better} is better)",
        candidates=_points(front.candidates, cost, stage, objective),
        front=_points(front.nondominated(stage, cost), cost, stage, objective),
        uniform=_points([c for c in front.candidates if c.uniform], cost, stage, objective),
        chosen=marked[0] if marked else None,
    )


def list_front(front: Front) -> str:
    """The front as a table for the terminal, cheapest first, uniform-width subnets marked."""
    stage = next(iter(front.stages))
    metrics = [
        name
        for name, about in METRICS.items()
        if front.candidates and about.column in front.candidates[0].costs
    ]
    objectives = [(s, o) for s, directions in front.stages.items() for o in directions]
    rows = []
    for candidate in front.nondominated(stage):
        costs = [format_amount(candidate.costs[METRICS[m].column], m) for m in metrics]
        scores = [_score(candidate, key) for key in objectives]
        name = f"{candidate.subnet}{' (uniform)' if candidate.uniform else ''}"
        rows.append([name, *costs, *scores])
    titles = [f"{stage} {objective}" for stage, objective in objectives]
    return Table(["subnet", *metrics, *titles], rows).text()


def front_facts(front: Front) -> list[dict[str, Any]]:
    """The front as plain data, cheapest first."""
    stage = next(iter(front.stages))
    return [
        {
            "subnet": candidate.subnet.text,
            "uniform": candidate.uniform,
            "costs": dict(candidate.costs),
            "scores": {".".join(key): value for key, value in candidate.scores.items()},
        }
        for candidate in front.nondominated(stage)
    ]


def trust(front: Front, chosen: Candidate) -> list[str]:
    """In plain words: do cheap scores rank as expensive ones; is the choice better than uniform."""
    told = [
        f"{found.cheap} and {found.expensive} scores rank {found.subnets} subnets alike to "
        f"{found.rank:+.2f} (Spearman)."
        for found in front.correlations()
        if math.isfinite(found.rank)
    ]
    stage = front.last_stage(chosen)
    objective = next(iter(front.stages[stage]))
    baseline = front.uniform_baseline(chosen)
    if baseline is None:
        told.append("No uniform-width subnet of about its cost was scored as far.")
    elif baseline.subnet == chosen.subnet:
        told.append("The chosen subnet is itself of uniform width.")
    else:
        key = (stage, objective)
        told.append(
            f"{objective} of the chosen subnet {_score(chosen, key)}, of the best uniform-width "
            f"one of about its cost ({baseline.subnet.brief}) {_score(baseline, key)}."
        )
    return told


def coverage(
    front: Front, space: SearchSpace, limits: Mapping[str, float], costs: Costs
) -> list[str]:
    """In plain words: how many scored subnets the choice was among, and how to score more."""
    if not limits:
        return [
            f"No budget was asked for: the best of all {len(front.candidates)} scored subnets. Any "
            "budget takes a second: gancompress search RUN --mac-budget 1/8."
        ]
    inside = [c for c in front.candidates if fits(c.costs, limits)]
    told = [f"Chosen among {len(inside)} scored subnets within the budget."]
    largest = columns_of(costs, [space.largest])
    for name, limit in limits.items():
        column = METRICS[name].column
        most_expensive = max((c.costs[column] for c in inside), default=0.0)
        if most_expensive < NEAR * min(limit, float(largest[column][0])):
            told.append(
                f"Nothing between {format_amount(most_expensive, name)} and the {name} budget, "
                f"{format_amount(limit, name)}, was scored: an earlier search had a tighter one. "
                "--trials 100 with this budget scores more."
            )
    return told


def dropped_branches(space: SearchSpace, subnet: Sequence[int]) -> list[str]:
    """In plain words: which residual branches the subnet does without, where it may."""
    widths = dict(zip(space.groups, subnet, strict=True))
    branches = [name for name in widths if name.startswith(BRANCH)]
    gone = [name.removeprefix(BRANCH) for name in branches if not widths[name]]
    if not branches:
        return []
    which = f": {', '.join(gone)}" if gone else ""
    return [f"It does without {len(gone)} of {len(branches)} residual branches{which}."]


def _points(candidates: Sequence[Candidate], cost: str, stage: str, objective: str) -> list[Point]:
    key, unit = (stage, objective), 1e3 if cost == "latency" else 1.0
    return [
        Point(candidate.costs[cost] * unit, candidate.scores[key], candidate.spreads.get(key, 0.0))
        for candidate in candidates
        if key in candidate.scores
    ]


def _score(candidate: Candidate, key: tuple[str, str]) -> str:
    if key not in candidate.scores:
        return ""
    spread = candidate.spreads[key]
    return f"{candidate.scores[key]:.4g}" + (f" ± {spread:.2g}" if spread else "")
