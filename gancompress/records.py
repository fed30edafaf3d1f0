"""What a run keeps of a stage: what it depends on, what it made, and whether that is there."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gancompress.atomic import write_json
from gancompress.content import sha256_of


@dataclass(frozen=True)
class Record:
    """One stage of a run.

    Attributes:
        complete: whether it has ended well; else it was begun.
        identity: what it depends on, as plain data.
        facts: what is worth knowing of it.
        made: SHA-256 (hex) of the files that it made, by their paths below the run.
        seconds: that it took, from when it was begun or resumed.
    """

    complete: bool
    identity: Mapping[str, Any]
    facts: Mapping[str, Any]
    made: Mapping[str, str]
    seconds: float

    @classmethod
    def of(
        cls,
        run: Path,
        identity: Mapping[str, Any],
        facts: Mapping[str, Any],
        made: Sequence[str],
        seconds: float,
    ) -> "Record":
        """The record of a stage that has ended, with the hashes of what it ``made`` in ``run``."""
        hashes = {name: sha256_of(run / name) for name in made}
        return cls(
            complete=True, identity=dict(identity), facts=dict(facts), made=hashes, seconds=seconds
        )

    def damage(self, run: Path) -> dict[str, str]:
        """What of its files is not as it was made, and how: ``missing`` or ``damaged``."""
        found = {}
        for name, expected in self.made.items():
            try:
                if sha256_of(run / name) != expected:
                    found[name] = "damaged"
            except OSError:
                found[name] = "missing"
        return found


def read_record(file: Path, stage: str) -> Record | None:
    """The record of ``stage`` in ``file``; None where there is none, or it is not as written."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        # Runs of earlier versions have records without a hash, or without the name of their stage.
        intact = data.pop("sha256", None) in (None, _hash(data))
        own = data.pop("stage", stage) == stage
        return Record(**data) if intact and own else None
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def write_record(file: Path, stage: str, record: Record) -> None:
    """Replace what is recorded in ``file``: ``record``, of ``stage``."""
    data = {"stage": stage, **asdict(record)}
    write_json(file, {**data, "sha256": _hash(data)})


def _hash(data: Any) -> str:
    text = json.dumps(json.loads(json.dumps(data)), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
