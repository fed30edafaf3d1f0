"""`compare RUN RUN …`: one page with several runs: tables, fronts overlaid, pictures."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gancompress.architecture_search.front import Candidate, Front
from gancompress.errors import RunError
from gancompress.report import blocks
from gancompress.report.blocks import Html
from gancompress.report.charts import Mark, Series, scatter
from gancompress.report.html import save_page
from gancompress.report.table import Table, format_bytes, format_count, format_seconds
from gancompress.run import RunDir


def compare(runs: Sequence[Path], output: Path) -> Table:
    """Write ``output``, a page about finished runs; returns its table.

    Pictures are of the same inputs where the runs have the same teacher and seed of the report.

    Args:
        runs: at least two run directories with a finished report.
        output: the HTML file.

    Raises:
        RunError: a run has no report yet, or two have one name.
    """
    opened = {path.name: RunDir.open(path) for path in runs}
    if len(opened) < len(runs):
        raise RunError(f"{runs[0]} …: two runs of one name; rename a folder to tell them apart")
    reports = {name: _report(run) for name, run in opened.items()}
    table = _table(reports)
    page = [
        blocks.section("Networks measured", blocks.table(table)),
        *_fronts({name: _front(run) for name, run in opened.items()}),
        *_pictures(opened),
    ]
    names = ", ".join(opened)
    save_page(output, "Runs compared", f"{len(opened)} runs: {names}.", page)
    return table


def _report(run: RunDir) -> dict[str, Any]:
    path = run.path / "report" / "report.json"
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{run.path}: no report in it; `gancompress report {run.path}`") from error
    return found


def _table(reports: dict[str, dict[str, Any]]) -> Table:
    lines, scored, likened = [], False, dict[str, None]()
    for report in reports.values():
        for network in report["networks"]:
            scored = scored or network["scores"] is not None
            likened |= dict.fromkeys(network["similarity"])
    for name, report in reports.items():
        for network in report["networks"]:
            # The largest subnet says nothing about the choice.
            if network["name"] == "largest subnet" and len(report["networks"]) > 2:
                continue
            cells = [f"{name}: {network['name']}", format_count(network["macs"])]
            cells += [format_count(network["params"]), format_bytes(network["file_bytes"])]
            cells.append(format_seconds(network["torch_seconds"]["median"]))
            if scored:
                scores = network["scores"]
                cells.append(f"{scores['frechet']:.2f}" if scores else "")
            cells += [
                f"{network['similarity'][title]:.3f}" if title in network["similarity"] else ""
                for title in likened
            ]
            lines.append(cells)
    columns = ["", "MACs", "parameters", "file", "PyTorch"]
    return Table([*columns, *(["Fréchet"] if scored else []), *likened], lines)


def _front(run: RunDir) -> Front | None:
    path = run.path / "front.csv"
    return Front.from_csv(path) if path.is_file() else None


def _fronts(fronts: dict[str, Front | None]) -> list[Html]:
    """One chart for every stage and score that two runs have in common."""
    kinds: dict[tuple[str, str, str], list[str]] = {}
    for name, front in fronts.items():
        for stage, objectives in front.stages.items() if front else ():
            for objective, direction in objectives.items():
                kinds.setdefault((stage, objective, direction), []).append(name)
    charts = []
    for (stage, objective, direction), names in kinds.items():
        if len(names) < 2:
            continue
        better = "lower" if direction == "minimize" else "higher"
        series = [
            Series(name, "line", [_mark(c, (stage, objective)) for c in members])
            for name in names
            for members in [_members(fronts[name], stage)]
        ]
        svg = scatter("MACs", f"{objective} ({better} is better)", series)
        charts.append(blocks.chart(svg, f"Fronts of stage {stage}"))
    return [blocks.section("Fronts", blocks.side_by_side(*charts))] if charts else []


def _members(front: Front | None, stage: str) -> Sequence[Candidate]:
    return front.nondominated(stage, "macs") if front else ()


def _mark(candidate: Candidate, key: tuple[str, str]) -> Mark:
    macs, score = candidate.costs["macs"], candidate.scores[key]
    return Mark(macs, score, f"{format_count(macs)} MACs\n{key[1]} {score:.4g}\n{candidate.subnet}")


def _pictures(runs: dict[str, RunDir]) -> list[Html]:
    shown = []
    for name, run in runs.items():
        left, right = (run.path / "report" / f"{side}.png" for side in ("left", "right"))
        if left.is_file() and right.is_file():
            shown.append(blocks.section(name, blocks.compare(left, right, ("teacher", "student"))))
    return shown
