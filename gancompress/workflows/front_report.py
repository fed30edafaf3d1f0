"""What a search is shown as: a table, two figures, and the facts that it has to prove itself by."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gancompress.elastic import SearchSpace
from gancompress.report.front import FrontPanel, Point, save_front, save_widths
from gancompress.report.table import Table
from gancompress.search.budget import METRICS, format_amount
from gancompress.search.front import Candidate, Front

#: Metrics that have a panel, with what is written below it and the factor to its unit.
_PANELS = {"macs": ("MACs", 1.0), "latency": ("latency (ms)", 1e3)}


def draw_front(
    front: Front, chosen: Candidate, space: SearchSpace, teacher: Mapping[str, float], folder: Path
) -> None:
    """Write ``front.png`` and ``widths.png`` into ``folder``.

    Args:
        chosen: for the budget; the figure shows the stage that scored it last.
        teacher: its costs by column, and under ``quality`` its score where it has one (a distance
            to the teacher is 0 by definition and need not be given).
    """
    stage = front.last_stage(chosen)
    objective, direction = next(iter(front.stages[stage].items()))
    better = "lower" if direction == "minimize" else "higher"
    panels = []
    for metric, (label, unit) in _PANELS.items():
        column = METRICS[metric].column
        scored = [
            c for c in front.candidates if column in c.costs and (stage, objective) in c.scores
        ]

        def point(candidate: Candidate, column: str = column, unit: float = unit) -> Point:
            key = (stage, objective)
            cost = candidate.costs[column] * unit
            return Point(cost, candidate.scores[key], candidate.spreads[key])

        if not scored:
            continue
        best = [c for c in front.nondominated(stage) if c in scored]
        panels.append(
            FrontPanel(
                label,
                f"{objective} ({better} is better)",
                [point(c) for c in scored],
                sorted((point(c) for c in best), key=lambda p: p.cost),
                sorted((point(c) for c in scored if c.uniform), key=lambda p: p.cost),
                point(chosen) if chosen in scored else None,
                Point(teacher[column] * unit, teacher.get("quality", 0.0))
                if column in teacher
                else None,
            )
        )
    folder.mkdir(parents=True, exist_ok=True)
    save_front(panels, folder / "front.png", f"search: {len(front.candidates)} subnets")
    full = dict(zip(space.groups, space.largest, strict=True))
    widths = dict(zip(space.groups, chosen.subnet, strict=True))
    save_widths(widths, full, folder / "widths.png", f"chosen: {chosen.subnet}")


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


def search_facts(front: Front, chosen: Candidate) -> dict[str, Any]:
    """What is worth recording: the choice beside its uniform rival, and how far ranks agree."""
    rival = front.uniform_rival(chosen)
    facts: dict[str, Any] = {
        "scored": len(front.candidates),
        "chosen": _facts(chosen),
        "uniform": _facts(rival) if rival is not None else None,
        "rank_correlations": [
            {"cheap": c.cheap, "dear": c.dear, "subnets": c.subnets, "spearman": _or_none(c.rank)}
            for c in front.correlations()
        ],
    }
    if "latency" in chosen.costs:
        subnets, rank = front.cost_agreement("macs", "latency")
        facts["macs_and_latency"] = {"subnets": subnets, "spearman": _or_none(rank)}
    return facts


def _facts(candidate: Candidate) -> dict[str, Any]:
    scores = {
        f"{stage}.{objective}": {"mean": mean, "std": candidate.spreads[stage, objective]}
        for (stage, objective), mean in candidate.scores.items()
    }
    return {"subnet": str(candidate.subnet), "costs": dict(candidate.costs), "scores": scores}


def _or_none(rank: float) -> float | None:
    """JSON has no NaN."""
    return None if math.isnan(rank) else rank


def _score(candidate: Candidate, key: tuple[str, str]) -> str:
    if key not in candidate.scores:
        return ""
    spread = candidate.spreads[key]
    return f"{candidate.scores[key]:.4g}" + (f" ± {spread:.2g}" if spread else "")
