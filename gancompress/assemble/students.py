"""The students of a run: one for each budget that was asked for, and which was chosen last."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from gancompress.architecture_search.options import SearchOptions
from gancompress.atomic import replacing, write_text
from gancompress.content import sha256_of
from gancompress.errors import RunError
from gancompress.run import RunDir
from gancompress.student.file import Student, save_student

FOLDER = "students"

# The copy of the student that was chosen last.
CURRENT = "student.safetensors"

# Left in a folder whose contents are of a student that is no longer the run's.
MARK = "STALE.txt"


def title_of(keys: SearchOptions) -> str:
    """What the student for a budget is called: ``macs-1of8``, ``size-2MB``, ``best`` for none."""
    asked = {
        "macs": keys.mac_budget,
        "params": keys.param_budget,
        "size": keys.size_budget,
        "memory": keys.memory_budget,
        "latency": keys.latency_budget and f"{keys.latency_budget}-{keys.device or keys.runtime}",
    }
    parts = [
        f"{name}-{re.sub('[^0-9A-Za-z.]+', '_', text.strip().replace('/', 'of')) or 'any'}"
        .replace("_", "-") for name, text in asked.items() if text
    ]  # fmt: skip
    return "-".join(parts) or "best"


def keep_student(student: Student, run: RunDir, title: str) -> str:
    """Write ``student`` beside the others, under ``title`` or, where another has it, a number more.

    Returns:
        Its path below the run.
    """
    folder = run.path / FOLDER
    folder.mkdir(exist_ok=True)
    new = folder / f".{title}.{os.getpid()}.new"
    save_student(student, new)
    number = 1
    while True:
        place = folder / (
            f"{title}.safetensors" if number == 1 else f"{title}-{number}.safetensors"
        )
        if not place.exists():
            new.replace(place)
            break
        if sha256_of(place) == sha256_of(new):
            new.unlink()
            break
        number += 1
    return str(place.relative_to(run.path))


def current(run: RunDir) -> tuple[str, str]:
    """The student that was chosen last, with its weights solved for and fine-tuned where the
    recipe says so.

    Returns:
        Its path below the run, and its hash.

    Raises:
        RunError: there is none yet.
    """
    chosen = run.record("search")
    if chosen is None or "student" not in chosen.facts:
        raise RunError(f"{run.path}: no student in it yet; `gancompress run {run.path}` makes one")
    name = str(chosen.facts["student"])
    found = name, chosen.made[name]
    for stage, consumed in (("reconstruct", "chosen"), ("finetune", "solved"),
                            ("finetune", "chosen")):  # fmt: skip
        record = run.record(stage)
        if record is None or "student" not in record.facts:
            continue
        of = record.identity.get("consumed", {})
        if of.get(consumed) == found[1] and (consumed == "solved" or "solved" not in of):
            name = str(record.facts["student"])
            found = name, record.made[name]
    return found


def subnet_of(run: RunDir) -> str:
    """The widths of the student that was chosen last; a reconstruction chooses among finalists."""
    chosen, solved = run.facts("search"), run.record("reconstruct")
    if solved is not None and "subnet" in solved.facts:
        found = run.record("search")
        of = solved.identity.get("consumed", {}).get("chosen")
        if found is not None and found.made[chosen["student"]] == of:
            return str(solved.facts["subnet"])
    return str(chosen["subnet"])


def student_file(run: RunDir) -> Path:
    """The file of the student that was chosen last, as it was made.

    Raises:
        RunError: there is none, or it is lost.
    """
    name, expected = current(run)
    file = run.path / name
    if not file.is_file() or sha256_of(file) != expected:
        how = "damaged" if file.is_file() else "missing"
        raise RunError(f"{file}: {how}; `gancompress run {run.path}` makes it again")
    return file


def title(file: str | Path) -> str:
    """The name of the student in ``file``."""
    return Path(file).stem


def adopt_student(run: RunDir) -> None:
    """Copy the student that was chosen last to :data:`CURRENT`; mark what is not of it."""
    name, expected = current(run)
    copy = run.path / CURRENT
    if not copy.is_file() or sha256_of(copy) != expected:
        with replacing(copy) as temporary:
            shutil.copyfile(run.path / name, temporary)
    for stage, folder in (("export", "export"), ("report", "report")):
        record = run.record(stage)
        of = record.identity.get("consumed", {}).get("student") if record else None
        if of is None or not (run.path / folder).is_dir():
            continue
        if of == expected:
            (run.path / folder / MARK).unlink(missing_ok=True)
        else:
            was = title(str(record.facts.get("student", "another student"))) if record else ""
            write_text(
                run.path / folder / MARK,
                f"This is of the student {was}. The run's student is now {title(name)}:\n"
                f"gancompress {stage} {run.path}\n",
            )


def restore_student(run: RunDir, say: Callable[[str], None]) -> None:
    """Copy the chosen student again where its copy was lost."""
    try:
        name, expected = current(run)
    except RunError:
        return
    copy = run.path / CURRENT
    if (run.path / name).is_file() and (not copy.is_file() or sha256_of(copy) != expected):
        say(f"{CURRENT} is {'damaged' if copy.is_file() else 'missing'}: copied from {name}")
    if (run.path / name).is_file():
        adopt_student(run)
