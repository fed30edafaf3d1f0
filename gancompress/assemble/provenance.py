"""Where a report comes from: machine, versions, command, and what every stage noted."""

import platform
import sys
from datetime import datetime, timezone
from typing import Any

import torch

import gancompress
from gancompress.assemble.latency import threads_of
from gancompress.assemble.stages import STAGES
from gancompress.errors import RunError
from gancompress.metrics.machine import processor
from gancompress.recipe.schema import Recipe
from gancompress.run import RunDir


def about(recipe: Recipe) -> dict[str, Any]:
    """Machine, date, versions and command of this report."""
    return {
        "machine": {"processor": processor(), "threads": threads_of(recipe.threads)},
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "versions": {
            "gancompress": gancompress.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        "command": " ".join(["gancompress", *sys.argv[1:]]),
        "seed": recipe.seed,
    }


def provenance(run: RunDir) -> dict[str, Any]:
    """What every stage noted when it ended."""
    facts = {}
    for stage in (name for name in STAGES if name != "report"):
        try:
            noted = run.facts(stage)
        except RunError:
            continue
        # Remarks have a place of their own on the page.
        facts[stage] = {name: value for name, value in noted.items() if name != "remarks"}
    return facts
