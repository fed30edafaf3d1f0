"""What a finished report holds: read again, and as a table."""

import json
from collections.abc import Mapping
from typing import Any

from gancompress.assemble.similarity import shown
from gancompress.assemble.students import MARK
from gancompress.errors import RunError
from gancompress.report.table import Table, format_bytes, format_count, format_seconds
from gancompress.run import RunDir


def read_report(run: RunDir) -> dict[str, Any]:
    """What ``report/report.json`` of a run holds.

    Raises:
        RunError: there is none yet, or it is of a student that is no longer the run's.
    """
    folder = run.path / "report"
    fix = f"`gancompress report {run.path}` makes one"
    if (folder / MARK).is_file():
        raise RunError(f"{run.path}: its report is of an earlier student; {fix} of this")
    try:
        found: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{run.path}: no report in it; {fix}") from error
    return found


def reported_table(networks: Mapping[str, Mapping[str, Any]]) -> Table:
    """One row a network of a report, by title; columns that none has a value for are left out."""
    rows = {title: _cells(network) for title, network in networks.items()}
    columns = list(dict.fromkeys(name for cells in rows.values() for name in cells))
    lines = [[title, *(cells.get(name, "") for name in columns)] for title, cells in rows.items()]
    return Table(["", *columns], lines)


def _cells(network: Mapping[str, Any]) -> dict[str, str]:
    cells = {
        "MACs": format_count(network["macs"]),
        "parameters": format_count(network["params"]),
        "file": format_bytes(network["file_bytes"]),
        "PyTorch": format_seconds(network["torch_seconds"]["median"]),
    }
    if network["onnx_seconds"]:
        cells["ONNX Runtime"] = format_seconds(network["onnx_seconds"]["median"])
    if scores := network["scores"]:
        cells["Fréchet"] = f"{scores['frechet']:.2f}"
        if scores.get("accuracy") is not None:
            cells["right class"] = f"{scores['accuracy']:.1%}"
    return cells | {title: shown(title, value) for title, value in network["similarity"].items()}
