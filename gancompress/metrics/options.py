"""The options of an evaluation."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gancompress.batch import Input


@dataclass(frozen=True)
class EvaluationOptions:
    """How :func:`gancompress.evaluate` goes on.

    Attributes:
        samples: images to generate.
        seed: of their inputs, and of everything that a metric draws.
        batch_size: images at once.
        inputs: what the generator is fed; None: its attribute ``inputs``.
        fed: rows for inputs that cannot be drawn, as :func:`gancompress.collect` takes them.
        cache: folder for statistics of reference images; None: they are not kept.
        progress: show bars.
    """

    samples: int = 10_000
    seed: int = 0
    batch_size: int = 64
    inputs: Mapping[str, Input] | None = None
    fed: Any = None
    cache: Path | None = None
    progress: bool = False
