"""One run on disk: one folder that holds the recipe, logs, checkpoints, pairs, front and student.

::

    runs/quickstart-1/
      run.json        what made this folder
      recipe.yaml     the resolved recipe
      log.jsonl       one JSON object a line, every stage
      stages/         NAME.json when stage NAME is complete, with its facts
      checkpoints/    what an unfinished stage resumes from
      teacher.safetensors, pairs/, supernet.safetensors, front/, student.safetensors
      export/         the student in other formats
      report/         report.json, samples.png, …
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gancompress.atomic import write_json
from gancompress.errors import RunError, RunInUseError

FORMAT = 1


class RunDir:
    """A run directory; :meth:`create` makes one, :meth:`open` takes an existing one."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, path: Path, *, version: str) -> "RunDir":
        """Make a new run at ``path``, which must not exist or be empty."""
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise RunError(f"{path}: already exists and is not an empty folder; give another --run")
        try:
            (path / "stages").mkdir(parents=True, exist_ok=True)
            write_json(path / "run.json", {"format": FORMAT, "gancompress": version})
        except OSError as error:
            raise RunError(f"{path}: cannot be created: {error.strerror}") from error
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> "RunDir":
        """Open the run at ``path``."""
        if not path.is_dir():
            raise RunError(f"{path}: no such run directory; `gancompress run RECIPE` makes one")
        try:
            about = json.loads((path / "run.json").read_text(encoding="utf-8"))
            known = about["format"] == FORMAT
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(f"{path}: not a run directory (no readable run.json in it)") from error
        if not known:
            raise RunError(f"{path}: run format {about['format']}, this version reads {FORMAT}")
        return cls(path)

    # Stages

    def is_complete(self, stage: str) -> bool:
        """Whether ``stage`` has ended well."""
        return (self.path / "stages" / f"{stage}.json").is_file()

    def complete(self, stage: str, facts: Mapping[str, Any]) -> None:
        """Record that ``stage`` has ended well, with what is worth knowing of it."""
        write_json(self.path / "stages" / f"{stage}.json", dict(facts))

    def reopen(self, stage: str) -> None:
        """Forget that ``stage`` was complete."""
        (self.path / "stages" / f"{stage}.json").unlink(missing_ok=True)

    def facts(self, stage: str) -> dict[str, Any]:
        """What ``stage`` recorded when it ended."""
        path = self.path / "stages" / f"{stage}.json"
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise RunError(f"{self.path}: stage {stage} has not been run yet") from error
        except ValueError as error:
            raise RunError(f"{path}: not readable; delete it to run {stage} again") from error
        return dict(facts)

    # Log

    def log(self, stage: str, event: Mapping[str, Any]) -> None:
        """Append one event to ``log.jsonl``."""
        line = json.dumps({"time": round(time.time(), 3), "stage": stage, **event})
        with (self.path / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(line + "\n")

    def events(self, stage: str) -> Iterator[dict[str, Any]]:
        """The logged events of ``stage``; a line cut short by a kill is passed over.

        A resumed stage repeats the steps since its checkpoint; the last line of a step counts.
        """
        return (event for event in self._events() if event.get("stage") == stage)

    def logged_stages(self) -> list[str]:
        """Every stage that logged something, in the order in which they began."""
        return list(dict.fromkeys(str(event.get("stage")) for event in self._events()))

    def _events(self) -> Iterator[dict[str, Any]]:
        path = self.path / "log.jsonl"
        if not path.is_file():
            return
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict):
                yield event

    # Exclusive use

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the run for this process; another process that tries gets a
        :class:`RunInUseError`."""
        with (self.path / "lock").open("a+", encoding="utf-8") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                handle.seek(0)
                raise RunInUseError(
                    f"{self.path}: in use by process {handle.read().strip() or '?'}; "
                    "wait for it or give another --run"
                ) from error
            handle.truncate(0)
            handle.write(str(os.getpid()))
            handle.flush()
            yield


def runs_in(root: Path) -> list[Path]:
    """The run directories in ``root``, newest first."""
    if not root.is_dir():
        return []
    runs = [entry for entry in root.iterdir() if (entry / "run.json").is_file()]
    return sorted(runs, key=lambda entry: (entry / "run.json").stat().st_mtime_ns, reverse=True)


def next_run(root: Path, name: str) -> Path:
    """The first free ``root/name-n``."""
    number = 1
    while (root / f"{name}-{number}").exists():
        number += 1
    return root / f"{name}-{number}"
