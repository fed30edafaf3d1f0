"""`collect`: record inputs and outputs of the teacher."""

from typing import Any

from tqdm import tqdm

from gancompress import assemble
from gancompress.assemble.pairs import recording_plan, require_held_out
from gancompress.assemble.problems import problem_lines
from gancompress.assemble.teacher_data import FedRows
from gancompress.assemble.training_setup import TRAINED_ONLINE
from gancompress.data.pairs import PairStore, PairWriter, record
from gancompress.progress import progress_bar
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
    if isinstance(teacher, ModuleTeacher):
        teacher.module.to(accelerator.device)
    shown = accelerator.is_main_process
    if isinstance(teacher.data, FedRows) and shown:
        _tell(teacher.data, run)
    plan = recording_plan(recipe, teacher)
    facts = {"pairs": plan.count, "held_out": plan.held_out, "teacher": plan.teacher}
    if isinstance(teacher, ModuleTeacher) and teacher.assumptions:
        facts["assumptions"] = list(teacher.assumptions)
    if not recipe.records:
        if accelerator.is_main_process:
            run.complete("collect", {**facts, "stored": False})
        return
    writer = PairWriter(run.path / "pairs", plan)
    missing = sum(len(plan.samples(shard)) for shard in writer.missing())
    initial = plan.count - missing
    with progress_bar(total=plan.count, initial=initial, desc="collect", disable=not shown) as bar:
        record(
            teacher,
            writer,
            batch_size=recipe.collect.batch_size,
            rank=accelerator.process_index,
            ranks=accelerator.num_processes,
            progress=lambda pairs: _advance(bar, pairs),
        )
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        writer.finish()
        store = PairStore(run.path / "pairs", teacher=teacher.fingerprint)
        facts["pairs_hash"] = store.fingerprint
        run.complete("collect", facts, ["pairs/pairs.json"])
    # The others may not open what is not finished.
    accelerator.wait_for_everyone()


def _take(store: PairStore, run: RunDir) -> None:
    """Note pairs that were recorded elsewhere."""
    require_held_out(store)
    facts = {"pairs": len(store), "held_out": len(store.held_out), "teacher": store.plan.teacher}
    run.complete("collect", {**facts, "stored": True, "pairs_hash": store.fingerprint})


def _tell(data: FedRows, run: RunDir) -> None:
    """Say how the inputs were parted, and what was wrong with their files."""
    line = f"{len(data.train)} inputs for training, {len(data.held_out)} held out"
    run.log("collect", {"event": line})
    tqdm.write(line)
    for line in problem_lines(data.problems):
        run.log("collect", {"event": line})
        tqdm.write(line)


def _advance(bar: "tqdm[Any]", pairs: int) -> None:
    bar.update(pairs)
