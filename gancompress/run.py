"""One run on disk: one folder that holds the recipe, logs, checkpoints, pairs, front and students.

::

    runs/quickstart-1/
      run.json        what made this folder
      recipe.yaml     the resolved recipe
      log.jsonl       one JSON object a line, every stage
      stages/         NAME.json: what stage NAME depends on, and once it is complete its facts
      checkpoints/    what an unfinished stage resumes from
      teacher.safetensors, pairs/, supernet.safetensors, front.csv
      ordered.safetensors   the teacher with its channels in order, where weights are solved for
      students/       every student that was chosen, one a budget; none is overwritten
      student.safetensors   a copy of the one that was chosen last
      export/         that student in other formats
      report/         report.json, samples.png, …
      earlier/        what stages made under other recipes, to be taken back
"""

import fcntl
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from gancompress.atomic import write_json, write_text
from gancompress.errors import RunError, RunInUseError
from gancompress.records import Record, read_record, write_record

FORMAT = 2


class RunDir:
    """A run directory; :meth:`create` makes one, :meth:`open` takes an existing one."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, path: Path, *, version: str, recipe: str = "") -> "RunDir":
        """Make a new run at ``path``, which must not exist or be empty.

        It appears whole, with its recipe, or not at all.

        Args:
            path: of the run.
            version: of gancompress.
            recipe: the resolved recipe as YAML.
        """
        try:
            taken = path.exists() and (not path.is_dir() or any(path.iterdir()))
        except OSError as error:
            raise RunError(f"{path}: cannot be created: {error.strerror}") from error
        if taken:
            raise RunError(f"{path}: already exists and is not an empty folder; give another --run")
        # Its name is short whatever the run's is, so that only the run's own can be too long.
        begun = path.with_name(f".begun-{os.getpid()}-{secrets.token_hex(4)}.tmp")
        try:
            _remove_what_was_begun(path.parent)
            (begun / "stages").mkdir(parents=True)
            write_json(begun / "run.json", {"format": FORMAT, "gancompress": version})
            write_text(begun / "recipe.yaml", recipe)
            begun.replace(path)
        except OSError as error:
            raise RunError(f"{path}: cannot be created: {error.strerror}") from error
        finally:
            shutil.rmtree(begun, ignore_errors=True)
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
            raise RunError(
                f"{path}: not a run directory (no readable run.json in it); if it was one, write "
                f'{{"format": {FORMAT}}} into {path / "run.json"}'
            ) from error
        if not known:
            raise RunError(f"{path}: run format {about['format']}, this version reads {FORMAT}")
        return cls(path)

    # Stages

    def record(self, stage: str) -> Record | None:
        """What is recorded of ``stage``: that it was begun, or what it made; None for neither."""
        return read_record(self._record_file(stage), stage)

    def begin(self, stage: str, identity: Mapping[str, Any]) -> None:
        """Record what ``stage``, which is about to be done, depends on."""
        write_record(
            self._record_file(stage),
            stage,
            Record(complete=False, identity=dict(identity), facts={}, made={}, seconds=0.0),
        )

    def is_complete(self, stage: str) -> bool:
        """Whether ``stage`` has ended well."""
        record = self.record(stage)
        return record is not None and record.complete

    def complete(self, stage: str, facts: Mapping[str, Any], made: Sequence[str] = ()) -> None:
        """Record that ``stage`` has ended well.

        Args:
            stage: its name.
            facts: what is worth knowing of it, as plain data.
            made: the files that it made, below the run; their hashes are recorded.
        """
        record = self.record(stage)
        identity = record.identity if record else {}
        seconds = time.time() - self._record_file(stage).stat().st_mtime if record else 0.0
        if record and record.complete:
            seconds = record.seconds
        done = Record.of(self.path, identity, facts, made, round(seconds, 1))
        write_record(self._record_file(stage), stage, done)

    def reopen(self, stage: str) -> None:
        """Forget what is recorded of ``stage``."""
        self._record_file(stage).unlink(missing_ok=True)

    def facts(self, stage: str) -> dict[str, Any]:
        """What ``stage`` recorded when it ended."""
        record = self.record(stage)
        if record is None or not record.complete:
            raise RunError(
                f"{self.path}: stage {stage} has not been run yet; `gancompress run {self.path}` "
                "does what is missing"
            )
        return dict(record.facts)

    def _record_file(self, stage: str) -> Path:
        return self.path / "stages" / f"{stage}.json"

    # Log

    def log(self, stage: str, event: Mapping[str, Any]) -> None:
        """Append one event to ``log.jsonl``."""
        line = json.dumps({"time": round(time.time(), 3), "stage": stage, **event})
        with (self.path / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(line + "\n")

    def events(self, stage: str) -> Iterator[dict[str, Any]]:
        """The logged events of ``stage`` since it was last begun afresh.

        A line cut short by a kill is passed over. A resumed stage repeats the steps since its
        checkpoint; the last line of a step counts.
        """
        found: list[dict[str, Any]] = []
        for event in self._events():
            if event.get("stage") == stage:
                found = [] if event.get("event") == AFRESH else [*found, event]
        return iter(found)

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


# The event of a stage that begins from nothing, under a recipe that has changed.
AFRESH = "begun afresh"


def is_run(path: Path) -> bool:
    """Whether ``path`` is a run directory."""
    return (path / "run.json").is_file()


def runs_in(root: Path) -> list[Path]:
    """The run directories in ``root``, newest first."""
    if not root.is_dir():
        return []
    runs = [run for run in root.glob("[!.]*") if (run / "run.json").is_file()]
    return sorted(runs, key=lambda entry: (entry / "run.json").stat().st_mtime_ns, reverse=True)


def next_run(root: Path, name: str) -> Path:
    """The first free ``root/name-n``."""
    number = 1
    while (root / f"{name}-{number}").exists():
        number += 1
    return root / f"{name}-{number}"


def _remove_what_was_begun(root: Path) -> None:
    """Remove what processes left that were killed while they made a run."""
    for entry in root.glob(".begun-*.tmp"):
        try:
            os.kill(int(entry.name.split("-")[1]), 0)
        except (ValueError, ProcessLookupError):
            with suppress(OSError):
                shutil.rmtree(entry)
        except OSError:
            continue
