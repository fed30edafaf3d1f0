"""The run's page: one HTML file with the table, pictures, loss curves and where all came from."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gancompress.errors import RunError
from gancompress.recipe.load import recipe_to_dict
from gancompress.recipe.schema import Recipe
from gancompress.report.curves import save_curves
from gancompress.report.html import Section, save_page
from gancompress.report.table import Table
from gancompress.run import RunDir

# Caption by file, in the order of the page; what a run does not have is left out.
PICTURES = {
    "report/samples.png": "The same inputs through teacher and student",
    "front.png": "What the search scored",
    "widths.png": "Widths of the student",
}


def write_page(recipe: Recipe, run: RunDir, table: Table, remarks: Sequence[str]) -> None:
    """Write ``report/report.html``."""
    pictures = {
        caption: run.path / file
        for file, caption in PICTURES.items()
        if (run.path / file).is_file()
    }
    sections = [
        Section("Result", "\n\n".join(remarks), [table]),
        Section("Pictures", "", (), pictures),
    ]
    curves = _curves(run)
    if curves:
        sections.append(Section("Losses", "Each in its own unit, before weights.", (), curves))
    sections.append(Section("Provenance", facts=_provenance(run)))
    sections.append(Section("Recipe", facts=recipe_to_dict(recipe)))
    save_page(run.path / "report" / "report.html", recipe.name, sections)


def _curves(run: RunDir) -> dict[str, Path]:
    found = {}
    for stage in run.logged_stages():
        events = list(run.events(stage))
        if any("step" in event and len(event) > 3 for event in events):
            path = run.path / "report" / f"{stage}.png"
            save_curves(events, path, stage)
            found[stage] = path
    return found


def _provenance(run: RunDir) -> dict[str, Any]:
    """What every stage noted when it ended."""
    facts = {}
    for stage in ("teach", "collect", "distill", "search", "finetune", "export"):
        try:
            facts[stage] = run.facts(stage)
        except RunError:
            continue
    return facts
