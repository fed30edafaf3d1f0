"""`collect`: record inputs and outputs of the teacher."""

from typing import Any

from tqdm import tqdm

from gancompress import assemble
from gancompress.assemble.pairs import recorded, require_held_out
from gancompress.assemble.teacher_data import FedRows
from gancompress.assemble.training_setup import TRAINED_ONLINE
from gancompress.data.pairs import PairStore
from gancompress.data.problems import problem_lines
from gancompress.recipe.schema import Recipe
from gancompress.run import RunDir
from gancompress.teachers.recorded import RecordedTeacher
from gancompress.teachers.teacher import ModuleTeacher


def collect(recipe: Recipe, run: RunDir) -> None:
    """Record the teacher of ``recipe`` into ``run/pairs``, or note that it is asked as needed."""
    if recipe.distill.online:
        run.complete("collect", {"stored": False, "skipped": TRAINED_ONLINE})
        return
    accelerator = assemble.prepare(recipe)
    teacher = assemble.load_teacher(recipe, run)
    if isinstance(teacher, RecordedTeacher):
        if accelerator.is_main_process:
            _take(teacher.store, run)
        return
    facts: dict[str, Any] = {}
    if isinstance(teacher, ModuleTeacher):
        teacher.module.to(accelerator.device)
        if teacher.assumptions:
            facts["assumptions"] = list(teacher.assumptions)
    if isinstance(teacher.data, FedRows) and accelerator.is_main_process:
        _show_parts(teacher.data, run)
    pairs = recorded(recipe, teacher, run.path / "pairs" if recipe.records else None)
    plan = pairs.plan
    facts |= {"pairs": plan.count, "held_out": plan.held_out, "teacher": plan.teacher}
    if accelerator.is_main_process:
        if recipe.records:
            run.complete(
                "collect", {**facts, "pairs_hash": pairs.fingerprint}, ["pairs/pairs.json"]
            )
        else:
            run.complete("collect", {**facts, "stored": False})
    # What follows asks whether this is complete.
    accelerator.wait_for_everyone()


def _take(store: PairStore, run: RunDir) -> None:
    """Note pairs that were recorded elsewhere."""
    require_held_out(store)
    facts = {"pairs": len(store), "held_out": len(store.held_out), "teacher": store.plan.teacher}
    run.complete("collect", {**facts, "stored": True, "pairs_hash": store.fingerprint})


def _show_parts(data: FedRows, run: RunDir) -> None:
    """Show how the inputs were parted, and what was wrong with their files."""
    line = f"{len(data.train)} inputs for training, {len(data.held_out)} held out"
    for event in (line, *problem_lines(data.problems)):
        run.log("collect", {"event": event})
        tqdm.write(event)
