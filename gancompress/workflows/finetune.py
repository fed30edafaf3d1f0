"""`finetune`: train the chosen subnet alone, and hold it against what it has to beat."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gancompress import assemble
from gancompress.api.finetune import Finetuned
from gancompress.api.finetune import finetune as train_subnet
from gancompress.api.scoring import unseen_pairs
from gancompress.architecture_search.front import Front, spearman
from gancompress.assemble.inherit import freeze
from gancompress.assemble.pairs import open_pairs
from gancompress.assemble.scoring import paired_settings
from gancompress.assemble.students import adopt_student, keep_student, title
from gancompress.atomic import write_text
from gancompress.data.live import Pairs
from gancompress.recipe.schema import Recipe
from gancompress.report.table import Table, format_count
from gancompress.run import RunDir
from gancompress.student.file import Student
from gancompress.supernet import Subnet, Supernet
from gancompress.workflows.distill import training_settings
from gancompress.workflows.tune_solved import tune_solved


def finetune(recipe: Recipe, run: RunDir) -> None:
    """Fine-tune the chosen subnet, and others equally long to hold it against.

    All start from the supernet's weights: the chosen one, which becomes ``run/student``, the best
    uniform-width one of about its cost, and ``finetune.compare`` further ones.
    """
    if recipe.finetune.steps == 0:
        run.complete("finetune", {"skipped": "finetune.steps is 0"})
        return
    pairs = open_pairs(recipe, run)
    if recipe.solves:
        tune_solved(recipe, run, pairs)
        return
    supernet, full = assemble.load_supernet(recipe, run)
    freeze(supernet.module, recipe.student.keep)
    subnets = _subnets(recipe, run, Front.from_csv(run.path / "front.csv"))
    found = {
        name: _finetuned(recipe, run, supernet, pairs, subnet) for name, subnet in subnets.items()
    }
    facts = {
        name: {
            "subnet": subnet.text,
            "macs": supernet.cost_model.cost(subnet).macs,
            "inherited": found[name].inherited,
            "fine-tuned": found[name].finetuned,
        }
        for name, subnet in subnets.items()
    }
    remark = _write_table(run, facts, len(unseen_pairs(recipe.search, pairs)))
    student = Student(
        found["chosen"].module,
        full.inputs,
        full.architecture,
        _provenance(run, pairs, recipe.finetune.steps),
    )
    name = keep_student(student, run, f"{title(run.facts('search')['student'])}-finetuned")
    run.complete("finetune", {**facts, "remarks": [remark], "student": name}, [name])
    adopt_student(run)


def _write_table(run: RunDir, facts: Mapping[str, Mapping[str, Any]], unseen: int) -> str:
    """Write ``finetune.txt``; gives what it says below the table."""
    rows = [
        [name, row["subnet"], format_count(row["macs"])]
        + [f"{row[weights]:.4f}" for weights in ("inherited", "fine-tuned")]
        for name, row in facts.items()
    ]
    table = Table(["", "subnet", "MACs", "inherited", "fine-tuned"], rows)
    remark = f"Distance to the teacher on {unseen} pairs not seen before."
    scores = [[row["inherited"], row["fine-tuned"]] for row in facts.values()]
    rank = spearman(np.array(scores))
    if math.isfinite(rank):
        remark += f" Inherited and fine-tuned rank alike to {rank:+.2f} (Spearman)."
    write_text(run.path / "finetune.txt", f"{table.text()}\n\n{remark}\n")
    return remark


def _subnets(recipe: Recipe, run: RunDir, front: Front) -> dict[str, Subnet]:
    """What to fine-tune, by name; a subnet that occurs twice is trained once."""
    text = run.facts("search")["subnet"]
    chosen = next(c for c in front.candidates if c.subnet.text == text)
    baseline = front.uniform_baseline(chosen)
    subnets = {"chosen": chosen.subnet}
    if baseline is not None and baseline.subnet != chosen.subnet:
        subnets["uniform width"] = baseline.subnet
    others = [c.subnet for c in front.candidates if c.subnet not in subnets.values()]
    count = min(recipe.finetune.compare, len(others))
    for number, place in enumerate(np.linspace(0, len(others) - 1, count).round().astype(int)):
        subnets[f"other {number + 1}"] = others[place]
    return subnets


def _finetuned(
    recipe: Recipe, run: RunDir, supernet: Supernet, pairs: Pairs, subnet: Subnet
) -> Finetuned:
    keys = recipe.finetune
    alone = replace(recipe.distill, steps=keys.steps, learning_rate=keys.learning_rate)
    with training_settings(recipe, run, pairs, f"finetune-{_short(subnet)}") as settings:
        return train_subnet(
            supernet,
            subnet,
            pairs,
            alone,
            folder=run.path / "checkpoints",
            settings=settings,
            scoring=paired_settings(recipe),
        )


def _short(subnet: Subnet) -> str:
    """Another subnet, chosen for another budget, must not go on from this one's checkpoint."""
    return hashlib.sha256(subnet.text.encode()).hexdigest()[:8]


def _provenance(run: RunDir, pairs: Pairs, steps: int) -> dict[str, object]:
    facts = run.facts("search")
    return {"teacher": pairs.plan.teacher, "subnet": facts["subnet"], "finetuned_steps": steps}
