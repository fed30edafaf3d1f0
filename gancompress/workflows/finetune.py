"""`finetune`: train the chosen subnet alone, and hold it against what it has to beat."""

import hashlib
from dataclasses import dataclass

import torch

from gancompress.atomic import write_text
from gancompress.batch import rows
from gancompress.data.images import to_float
from gancompress.data.live import Pairs
from gancompress.elastic import Subnet
from gancompress.elastic.calibrate import calibrated
from gancompress.elastic.student import Student, save_student
from gancompress.recipe.schema import Recipe
from gancompress.report.table import Table, format_count
from gancompress.run_dir import RunDir
from gancompress.search.front import Front
from gancompress.workflows import assemble
from gancompress.workflows.distill import train_supernet
from gancompress.workflows.pairs import open_pairs, paired_judge, unseen_pairs
from gancompress.workflows.search import BATCH, calibration_batches


@dataclass(frozen=True)
class Row:
    """One network of the comparison: mean |student - teacher| on pairs that no search has seen."""

    name: str
    subnet: str
    macs: int
    distance: float


def finetune(recipe: Recipe, run: RunDir) -> None:
    """Fine-tune the chosen subnet and the uniform-width one of its cost, equally long.

    Both start from the supernet's weights. The first becomes ``run/student.safetensors``.
    """
    keys = recipe.finetune
    if keys.steps == 0:
        run.complete("finetune", {"skipped": "finetune.steps is 0"})
        return
    pairs = open_pairs(recipe, run)
    supernet, full = assemble.load_supernet(recipe, run)
    chosen = supernet.space.parse(run.facts("search")["subnet"])
    inherited = calibrated(supernet, chosen, calibration_batches(recipe, pairs))
    costs = supernet.cost_model
    found = [_row(recipe, pairs, "inherited", chosen, inherited, costs.cost(chosen).macs)]
    rivals = {"fine-tuned": chosen, "uniform width, fine-tuned": _uniform(run, chosen)}
    for name, subnet in rivals.items():
        if subnet is None:
            continue
        # Each begins anew from the supernet's weights, which training changes.
        supernet, full = assemble.load_supernet(recipe, run)
        module = train_supernet(
            recipe,
            run,
            supernet,
            pairs,
            stage=f"finetune-{_short(subnet)}",
            steps=keys.steps,
            learning_rate=keys.learning_rate,
            fixed=subnet,
        )
        supernet.module.load_state_dict(module.state_dict())
        trained = calibrated(supernet.cpu(), subnet, calibration_batches(recipe, pairs))
        found.append(_row(recipe, pairs, name, subnet, trained, costs.cost(subnet).macs))
        if subnet == chosen and name == "fine-tuned":
            provenance = _provenance(run, pairs, keys.steps)
            student = Student(trained, full.inputs, full.architecture, provenance)
            save_student(student, run.path / "student.safetensors")
    table = Table(
        ["", "subnet", "MACs", "distance to the teacher"],
        [[row.name, row.subnet, format_count(row.macs), f"{row.distance:.4f}"] for row in found],
    )
    write_text(run.path / "finetune.txt", table.text() + "\n")
    run.complete("finetune", {row.name: row.distance for row in found})


def _short(subnet: Subnet) -> str:
    """Another subnet, chosen for another budget, must not go on from this one's checkpoint."""
    return hashlib.sha256(subnet.text.encode()).hexdigest()[:8]


def _uniform(run: RunDir, chosen: Subnet) -> Subnet | None:
    """The best uniform-width subnet that costs no more than ``chosen``."""
    front = Front.from_csv(run.path / "front.csv")
    candidate = next(c for c in front.candidates if c.subnet == chosen)
    rival = front.uniform_rival(candidate)
    return rival.subnet if rival else None


def _row(
    recipe: Recipe, pairs: Pairs, name: str, subnet: Subnet, module: torch.nn.Module, macs: int
) -> Row:
    unseen = unseen_pairs(recipe, pairs)
    inputs, outputs = pairs.batch(unseen)
    targets = to_float(outputs) if outputs.dtype == torch.uint8 else outputs.float()
    starts = range(0, len(unseen), BATCH)
    with torch.no_grad():
        made = torch.cat([module(**rows(inputs, slice(s, s + BATCH))) for s in starts])
    return Row(name, str(subnet), macs, paired_judge(recipe, targets)[1](made, inputs, targets))


def _provenance(run: RunDir, pairs: Pairs, steps: int) -> dict[str, object]:
    facts = run.facts("search")
    return {"teacher": pairs.plan.teacher, "subnet": facts["subnet"], "finetuned_steps": steps}
