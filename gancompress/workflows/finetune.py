"""`finetune`: train the chosen subnet alone, and hold it against what it has to beat."""

import hashlib
import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from gancompress import assemble
from gancompress.architecture_search.front import Front, spearman
from gancompress.assemble.pairs import open_pairs, paired_metric, unseen_pairs
from gancompress.assemble.scoring import BATCH, calibration_batches
from gancompress.assemble.students import adopt_student, keep_student, title
from gancompress.atomic import write_text
from gancompress.batch import rows
from gancompress.data.encoding import decode_output
from gancompress.data.live import Pairs
from gancompress.recipe.schema import Recipe
from gancompress.report.table import Table, format_count
from gancompress.run import RunDir
from gancompress.student.file import Student
from gancompress.supernet import Subnet
from gancompress.supernet.calibrate import calibrated
from gancompress.workflows.distill import train_supernet


@dataclass(frozen=True)
class FinetunedSubnet:
    """A subnet before and after: its distance to the teacher on pairs that no search has seen."""

    name: str
    subnet: Subnet
    macs: int
    inherited: float
    finetuned: float
    student: Student


def finetune(recipe: Recipe, run: RunDir) -> None:
    """Fine-tune the chosen subnet, and others equally long to hold it against.

    All start from the supernet's weights: the chosen one, which becomes ``run/student``, the best
    uniform-width one of about its cost, and ``finetune.compare`` further ones.
    """
    if recipe.finetune.steps == 0:
        run.complete("finetune", {"skipped": "finetune.steps is 0"})
        return
    pairs = open_pairs(recipe, run)
    front = Front.from_csv(run.path / "front.csv")
    found = [
        _finetuned(recipe, run, pairs, name, subnet)
        for name, subnet in _subnets(recipe, run, front).items()
    ]
    table = Table(
        ["", "subnet", "MACs", "inherited", "fine-tuned"],
        [
            [
                row.name,
                str(row.subnet),
                format_count(row.macs),
                f"{row.inherited:.4f}",
                f"{row.finetuned:.4f}",
            ]
            for row in found
        ],
    )
    told = f"Distance to the teacher on {len(unseen_pairs(recipe, pairs))} pairs not seen before."
    rank = spearman(np.array([[row.inherited, row.finetuned] for row in found]))
    if math.isfinite(rank):
        told += f" Inherited and fine-tuned rank alike to {rank:+.2f} (Spearman)."
    write_text(run.path / "finetune.txt", f"{table.text()}\n\n{told}\n")
    facts = {row.name: {"subnet": str(row.subnet), **_distances(row)} for row in found}
    name = keep_student(found[0].student, run, f"{title(run.facts('search')['student'])}-finetuned")
    run.complete("finetune", {**facts, "remarks": [told], "student": name}, [name])
    adopt_student(run)


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
    recipe: Recipe, run: RunDir, pairs: Pairs, name: str, subnet: Subnet
) -> FinetunedSubnet:
    """Train one subnet alone, from the supernet's weights; the chosen one is kept."""
    options = recipe.finetune
    supernet, full = assemble.load_supernet(recipe, run)
    batches = calibration_batches(recipe, pairs)
    inherited = _distance(recipe, pairs, calibrated(supernet, subnet, batches))
    alone = replace(
        recipe.distill,
        steps=options.steps,
        learning_rate=options.learning_rate,
        fixed=subnet.text,
    )
    stage = f"finetune-{_short(subnet)}"
    module = train_supernet(replace(recipe, distill=alone), run, supernet, pairs, stage=stage)
    supernet.module.load_state_dict(module.state_dict())
    trained = calibrated(supernet.cpu(), subnet, batches)
    provenance = _provenance(run, pairs, options.steps)
    student = Student(trained, full.inputs, full.architecture, provenance)
    macs = supernet.cost_model.cost(subnet).macs
    return FinetunedSubnet(
        name=name,
        subnet=subnet,
        macs=macs,
        inherited=inherited,
        finetuned=_distance(recipe, pairs, trained),
        student=student,
    )


def _distances(row: FinetunedSubnet) -> dict[str, float]:
    return {"macs": row.macs, "inherited": row.inherited, "fine-tuned": row.finetuned}


def _short(subnet: Subnet) -> str:
    """Another subnet, chosen for another budget, must not go on from this one's checkpoint."""
    return hashlib.sha256(subnet.text.encode()).hexdigest()[:8]


def _distance(recipe: Recipe, pairs: Pairs, module: nn.Module) -> float:
    unseen = unseen_pairs(recipe, pairs)
    inputs, outputs = pairs.batch(unseen)
    targets = decode_output(outputs)
    starts = range(0, len(unseen), BATCH)
    with torch.no_grad():
        made = torch.cat([module(**rows(inputs, slice(s, s + BATCH))) for s in starts])
    return paired_metric(recipe, targets)[1](made, inputs, targets)


def _provenance(run: RunDir, pairs: Pairs, steps: int) -> dict[str, object]:
    facts = run.facts("search")
    return {"teacher": pairs.plan.teacher, "subnet": facts["subnet"], "finetuned_steps": steps}
