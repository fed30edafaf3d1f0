"""How a benchmark keeps what it measured: a table to read, JSON with machine and commit."""

import json
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.start import folder
from gancompress.atomic import write_json
from gancompress.metrics.machine import processor


def record(name: str, rows: Sequence[Mapping[str, Any]], **facts: Any) -> Path:
    """Print ``rows`` as a table and write them to ``benchmarks/results/<name>.json``.

    Args:
        name: of the file; a later run replaces it.
        rows: one mapping per line of the table, plain data.
        facts: settings that hold for every row (sizes, seeds, repetitions).

    Returns:
        The file written; under ``--quick`` one that goes away.
    """
    print(f"\n{name}\n{table(rows)}\n")
    path = folder("results") / f"{name}.json"
    write_json(path, {"name": name, **facts, "rows": [dict(r) for r in rows], **surroundings()})
    return path


def known(name: str) -> list[dict[str, Any]]:
    """Rows of ``benchmarks/results/NAME.json`` that were measured before."""
    path = folder("results") / f"{name}.json"
    if not path.is_file():
        return []
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["rows"]
    return found


def summary(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> list[dict[str, Any]]:
    """Means over the seeds of every share and way, with standard deviations where there are
    several."""
    lines = []
    for share, way in dict.fromkeys((row["share"], row["way"]) for row in rows):
        same = [row for row in rows if (row["share"], row["way"]) == (share, way)]
        line = {"share": share, "way": way, "seeds": len(same)}
        for column in columns:
            values = np.array([row[column] for row in same if column in row])
            spread = f" ± {values.std(ddof=1):.2g}" if len(values) > 1 else ""
            line[column] = f"{values.mean():.4g}{spread}" if len(values) else ""
        lines.append(line)
    return lines


def surroundings() -> dict[str, Any]:
    """Machine, commit and versions that a number was measured with."""
    cuda = torch.cuda.is_available()
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "commit": _commit(),
        "machine": {
            "processor": processor(),
            "threads": torch.get_num_threads(),
            "accelerator": torch.cuda.get_device_name() if cuda else None,
        },
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
    }


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as aligned text, one column per key of any row."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = [columns, *([_text(row.get(column, "")) for column in columns] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _commit() -> str | None:
    try:
        return subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
