"""`finetune` where weights were solved for: the student alone, nearer or by terms of `distill`."""

from contextlib import nullcontext
from dataclasses import dataclass, replace

import torch
from torch import nn

from gancompress import assemble
from gancompress.api.finetune import finetune as train_subnet
from gancompress.api.scoring import paired_distance, unseen_pairs
from gancompress.assemble.logs import training_logger
from gancompress.assemble.report_pictures import PICTURED
from gancompress.assemble.samples import Samples
from gancompress.assemble.scoring import paired_settings
from gancompress.assemble.students import adopt_student, keep_student, student_file, title
from gancompress.assemble.subnets import in_batches
from gancompress.atomic import write_text
from gancompress.data.answered import AnsweredPairs
from gancompress.data.live import Pairs
from gancompress.distillation.terms.tuning import tuning_loss
from gancompress.recipe.schema import Recipe
from gancompress.run import RunDir
from gancompress.student.file import Student
from gancompress.training.finetune import finetune
from gancompress.workflows.distill import training_settings


@dataclass(frozen=True)
class _Tuned:
    """A trained student: its module, the steps that made it, and how, in words."""

    module: nn.Module
    steps: int
    how: str


def tune_solved(recipe: Recipe, run: RunDir, pairs: Pairs) -> None:
    """Train the student on all training pairs as ``finetune.objective`` says; the pairs that no
    search has scored on judge it."""
    file = student_file(run)
    student = assemble.read_student(file, assemble.student_factory(recipe))
    unseen = unseen_pairs(recipe.search, pairs)
    distance = paired_distance(pairs, unseen, paired_settings(recipe).terms)
    before = distance(student.module)
    tune = _by_terms if recipe.finetune.objective == "distill" else _nearest
    tuned = tune(recipe, run, pairs, student)
    module = tuned.module.cpu().requires_grad_(False)
    after = distance(module)
    remark = (
        f"Distance to the teacher on {len(unseen)} pairs not seen before: {before:.4f}, fine-tuned "
        f"{after:.4f} ({tuned.how})."
    )
    write_text(run.path / "finetune.txt", f"{remark}\n")
    provenance = {**student.provenance, "finetuned_steps": tuned.steps}
    kept = replace(student, module=module, provenance=provenance)
    name = keep_student(kept, run, f"{title(file)}-finetuned")
    subnet = student.provenance["subnet"]
    facts = {
        "chosen": {"subnet": subnet, "inherited": before, "fine-tuned": after},
        "steps": tuned.steps,
        "remarks": [remark],
        "student": name,
    }
    run.complete("finetune", facts, [name])
    adopt_student(run)


def _nearest(recipe: Recipe, run: RunDir, pairs: Pairs, student: Student) -> _Tuned:
    """By L1 and SSIM; the weights nearest on the pairs that the search scored on are kept."""
    accelerator = assemble.prepare(recipe)
    supernet, _ = assemble.load_supernet(recipe, run)
    parts = [
        AnsweredPairs(pairs, in_batches(supernet, indices), accelerator.device)
        for indices in (pairs.train, pairs.held_out[: recipe.search.score_samples])
    ]
    stage = f"finetune-{student.fingerprint[:8]}"
    samples = Samples(run.path / "samples", stage, accelerator.is_main_process)
    inputs, answers = pairs.batch(unseen_pairs(recipe.search, pairs)[:PICTURED])
    inputs = {name: value.to(accelerator.device) for name, value in inputs.items()}

    @torch.no_grad()
    def show(step: int) -> None:
        samples(step, {"teacher": answers, "student": student.module(**inputs).cpu()})

    with training_logger(recipe, run, stage, accelerator) as logger:
        done = finetune(
            student.module.to(accelerator.device),
            *parts,
            steps=recipe.finetune.steps,
            loss=tuning_loss,
            seed=recipe.seed,
            # Half precision of the other kind would need its loss scaled.
            autocast=accelerator.autocast if accelerator.mixed_precision == "bf16" else nullcontext,
            logger=logger,
            show=show,
        )
    samples.film()
    how = (
        f"learning rate {done.learning_rate:g}, best after {done.steps} of "
        f"{recipe.finetune.steps} steps"
    )
    return _Tuned(student.module, done.steps, how)


def _by_terms(recipe: Recipe, run: RunDir, pairs: Pairs, student: Student) -> _Tuned:
    """By the terms and the discriminator of ``distill``."""
    keys = recipe.finetune
    supernet = assemble.make_supernet(student.module, student.inputs, recipe.student)
    alone = replace(recipe.distill, steps=keys.steps, learning_rate=keys.learning_rate)
    stage = f"finetune-{student.fingerprint[:8]}-terms"
    with training_settings(recipe, run, pairs, stage) as settings:
        tuned = train_subnet(
            supernet,
            supernet.space.largest,
            pairs,
            alone,
            folder=run.path / "checkpoints",
            settings=settings,
            scoring=paired_settings(recipe),
        )
    terms = ", ".join(str(name) for name in alone.terms)
    return _Tuned(tuned.module, keys.steps, f"{keys.steps} steps by {terms}")
