"""`runs`: what runs there are, how far each is, and what came out."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gancompress.assemble.identity import changes, identity_of
from gancompress.assemble.stages import STAGES, belongs
from gancompress.assemble.students import FOLDER, current, title
from gancompress.errors import GancompressError, RunError
from gancompress.recipe.schema import Recipe
from gancompress.report.table import Table, format_bytes
from gancompress.run import RunDir, runs_in
from gancompress.workflows.opening import stored
from gancompress.workflows.outcome import outcome


@dataclass(frozen=True)
class Summary:
    """One run.

    Attributes:
        name: of its folder.
        stages: the state of each, see :func:`state`.
        student: the one that was chosen last; empty before the first.
        students: all that were chosen.
        headline: of its report, or else of the last stage that is done.
        age: seconds since something was last done.
        bytes: on disk.
        problem: why it cannot be read, if so.
    """

    name: str
    stages: dict[str, str]
    student: str
    students: list[str]
    headline: str
    age: float
    bytes: int
    problem: str = ""

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def summaries(root: Path) -> list[Summary]:
    """The runs in ``root``, newest first."""
    return [_summary(path) for path in runs_in(root)]


def table(found: list[Summary]) -> str:
    """For the terminal: a row a run."""
    columns = ["run", *STAGES, "student", "age", "size", "result"]
    rows = []
    for one in found:
        states = [one.stages.get(stage, "?" if one.problem else "") for stage in STAGES]
        more = len(one.students) - 1
        student = one.student + (f" +{more}" if one.student and more > 0 else "")
        told = one.problem or one.headline
        rows.append([one.name, *states, student, _age(one.age), format_bytes(one.bytes), told])
    return Table(columns, rows).text()


def state(stage: str, recipe: Recipe, run: RunDir) -> str:
    """How far ``stage`` is.

    ``done``; ``none``, where the recipe has nothing to do in it; ``begun``; ``stale``: its recipe
    or what it was made from has changed since; ``lost``: a file of it is gone; ``-``: not begun.
    Contents are compared when they are consumed, not here.
    """
    record = run.record(stage)
    if record is None:
        return "-"
    if changes(record.identity, identity_of(stage, recipe, run)):
        return "stale"
    if "skipped" in record.facts:
        return "none"
    if not record.complete:
        return "begun"
    return "done" if all((run.path / name).exists() for name in record.made) else "lost"


def _summary(path: Path) -> Summary:
    files = [file.stat() for file in path.rglob("*") if file.is_file()]
    size, newest = sum(f.st_size for f in files), max((f.st_mtime for f in files), default=0.0)
    students = sorted(file.stem for file in (path / FOLDER).glob("*.safetensors"))
    age = time.time() - newest
    try:
        run = RunDir.open(path)
        recipe = stored(run)
        stages = {stage: state(stage, recipe, run) for stage in STAGES if belongs(stage, recipe)}
    except GancompressError as error:
        problem = str(error).partition("\n")[0]
        return Summary(
            name=path.name,
            stages={},
            student="",
            students=students,
            headline="",
            age=age,
            bytes=size,
            problem=problem,
        )
    done = [stage for stage, how in stages.items() if how == "done"]
    told = outcome(done[-1], run).headline if done else ""
    return Summary(
        name=path.name,
        stages=stages,
        student=_student(run),
        students=students,
        headline=told,
        age=age,
        bytes=size,
    )


def _student(run: RunDir) -> str:
    try:
        return title(current(run)[0])
    except RunError:
        return ""


def _age(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
