"""`compare RUN RUN …`: one page with several runs: tables, fronts overlaid, pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gancompress.architecture_search.front import Candidate, Front
from gancompress.assemble.reported import read_report, reported_table
from gancompress.errors import RunError
from gancompress.report import blocks
from gancompress.report.blocks import Html
from gancompress.report.charts import Mark, Series, scatter
from gancompress.report.html import save_page
from gancompress.report.table import Table, format_count
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
    table = reported_table(_networks({name: read_report(run) for name, run in opened.items()}))
    page = [
        blocks.section("Networks measured", blocks.table(table)),
        *_fronts({name: _front(run) for name, run in opened.items()}),
        *_pictures(opened),
    ]
    names = ", ".join(opened)
    save_page(output, "Runs compared", f"{len(opened)} runs: {names}.", page)
    return table


def _networks(reports: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """The networks of all reports by run and name."""
    return {
        f"{run}: {network['name']}": network
        for run, report in reports.items()
        for network in report["networks"]
        # The largest subnet says nothing about the choice.
        if network["name"] != "largest subnet" or len(report["networks"]) <= 2
    }


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
    return Mark(
        macs, score, f"{format_count(macs)} MACs\n{key[1]} {score:.4g}\n{candidate.subnet.brief}"
    )


def _pictures(runs: dict[str, RunDir]) -> list[Html]:
    shown = []
    for name, run in runs.items():
        left, right = (run.path / "report" / f"{side}.png" for side in ("left", "right"))
        if left.is_file() and right.is_file():
            shown.append(blocks.section(name, blocks.compare(left, right, ("teacher", "student"))))
    return shown
