"""`run`: every stage of a recipe in order; what is as the recipe says is kept."""

import sys
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar, cast

import torch.distributed as dist
from tqdm import tqdm

from gancompress.architecture_search.budget import budget_of
from gancompress.architecture_search.storage import damaged_lines
from gancompress.assemble.identity import changes, identity_of
from gancompress.assemble.scoring import check_evaluators
from gancompress.assemble.students import restore_student
from gancompress.recipe.schema import Recipe
from gancompress.records import Record
from gancompress.run import AFRESH, RunDir
from gancompress.training.optimise import processes
from gancompress.workflows.collect import collect
from gancompress.workflows.continuing import grows, obstacle
from gancompress.workflows.distill import check_objective, distill
from gancompress.workflows.export import export
from gancompress.workflows.finetune import finetune
from gancompress.workflows.kept import keep_a_copy, set_aside, take_back
from gancompress.workflows.order import order
from gancompress.workflows.plan import Step, damage_of, plan
from gancompress.workflows.reconstruct import reconstruct
from gancompress.workflows.report import report
from gancompress.workflows.search import search
from gancompress.workflows.teach import teach

WORK: dict[str, Callable[[Recipe, RunDir], None]] = {
    "teach": teach,
    "collect": collect,
    "order": order,
    "distill": distill,
    "search": search,
    "reconstruct": reconstruct,
    "finetune": finetune,
    "export": export,
    "report": report,
}

Decided = TypeVar("Decided")


def check(recipe: Recipe) -> None:
    """Tell what nobody can read or learn before hours of training, not after."""
    budget_of(recipe.search)
    check_evaluators(recipe)
    if not recipe.solves:
        check_objective(recipe)


def run_until(recipe: Recipe, run: RunDir, last: str) -> None:
    """Do what is still to be done of the stages up to and with ``last``."""
    check(recipe)
    for step in _by_the_first(lambda: plan(recipe, run, last)):
        if _by_the_first(partial(_prepared, step, recipe, run)):
            WORK[step.stage](recipe, run)
    _by_the_first(lambda: restore_student(run, _say))


def _by_the_first(decide: Callable[[], Decided]) -> Decided:
    """What the first of several processes decides, once all of them have come here."""
    if processes() == 1:
        return decide()
    dist.barrier()
    found: list[Decided | Exception | None] = [None]
    if dist.get_rank() == 0:
        try:
            found = [decide()]
        except Exception as error:  # the others wait to be told
            found = [error]
    dist.broadcast_object_list(found, src=0)
    if isinstance(found[0], Exception):
        raise found[0]
    return cast(Decided, found[0])


def _prepared(step: Step, recipe: Recipe, run: RunDir) -> bool:
    """Make room for what ``step`` is going to make; gives whether it has to be done at all."""
    if not step.todo:
        return False
    stage = step.stage
    identity, record = identity_of(stage, recipe, run), run.record(stage)
    changed = changes(record.identity, identity) if record else []
    if record is None:
        # Nobody knows under which recipe what lies there was made.
        set_aside(stage, run, Record(complete=False, identity={}, facts={}, made={}, seconds=0.0))
    elif changed and grows(stage, record.identity, identity) and not obstacle(stage, recipe):
        keep_a_copy(stage, run, record)
    elif changed:
        set_aside(stage, run, record)
        run.log(stage, {"event": AFRESH})
    if (record is None or changed) and take_back(stage, run, identity):
        _say(f"{stage}: done before under this recipe, taken back")
        record, changed = run.record(stage), []
    if record is not None and record.complete and not changed:
        damage = damage_of(run, record)
        if not damage:
            return False
        _clear(stage, run, damage)
    _check_working_files(stage, run)
    run.begin(stage, identity)
    return True


def _clear(stage: str, run: RunDir, damage: dict[str, str]) -> None:
    """Move damaged files of ``stage`` aside."""
    for name, how in damage.items():
        _say(f"{stage}: {name} is {how}; it is made again")
        run.log(stage, {"event": f"{name} is {how}; it is made again"})
        if how == "damaged":
            file = run.path / name
            file.replace(file.with_name(f"{file.name}.damaged"))


def _check_working_files(stage: str, run: RunDir) -> None:
    """Move damaged files aside that ``stage`` would go on from."""
    for file in run.path.glob(f"checkpoints/{stage}*.pt"):
        if not _is_whole(file):
            _clear(stage, run, {f"checkpoints/{file.name}": "damaged"})
    journal = run.path / "search.journal"
    if stage == "search" and journal.is_file() and (lines := damaged_lines(journal)):
        _say(f"search: line {lines[0]} of {journal.name} is not as it was written: no score in it "
             "counts, all are taken again")  # fmt: skip
        _clear(stage, run, {journal.name: "damaged"})


def _is_whole(checkpoint: Path) -> bool:
    """Whether every part of it has the checksum that it was written with."""
    try:
        with zipfile.ZipFile(checkpoint) as opened:
            return opened.testzip() is None
    except (OSError, zipfile.BadZipFile):
        return False


def _say(line: str) -> None:
    tqdm.write(line, file=sys.stderr)
