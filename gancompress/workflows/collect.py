"""`collect`: record inputs and outputs of the teacher."""

from typing import Any

from tqdm import tqdm

from gancompress.data.manifest import Plan
from gancompress.data.pairs import PairStore, PairWriter, record
from gancompress.recipe.schema import Recipe
from gancompress.run_dir import RunDir
from gancompress.workflows import assemble


def collect(recipe: Recipe, run: RunDir) -> None:
    """Record the teacher of ``recipe`` into ``run/pairs``."""
    accelerator = assemble.prepare(recipe)
    teacher = assemble.load_teacher(recipe, run)
    teacher.module.to(accelerator.device)
    keys = recipe.collect
    plan = Plan(
        inputs=teacher.inputs,
        teacher=teacher.fingerprint,
        seed=recipe.seed,
        count=keys.count + keys.held_out,
        held_out=keys.held_out,
        shard_size=keys.shard,
        output="uint8",
        latents="float16" if keys.half else "float32",
    )
    writer = PairWriter(run.path / "pairs", plan)
    missing = sum(len(plan.samples(shard)) for shard in writer.missing())
    initial = plan.count - missing
    shown = accelerator.is_main_process
    with tqdm(total=plan.count, initial=initial, desc="collect", disable=not shown) as bar:
        record(
            teacher,
            writer,
            batch_size=keys.batch_size,
            rank=accelerator.process_index,
            ranks=accelerator.num_processes,
                progress=lambda pairs: _advance(bar, pairs),
        )
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        writer.finish()
        store = PairStore(run.path / "pairs", teacher=teacher.fingerprint)
        run.complete(
            "collect",
            {"pairs": len(store), "teacher": teacher.fingerprint, "pairs_hash": store.fingerprint},
        )


def _advance(bar: "tqdm[Any]", pairs: int) -> None:
    bar.update(pairs)
