"""`finetune` where weights were solved for: the student alone, as long as it comes nearer."""

from dataclasses import replace

import torch

from gancompress import assemble
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
from gancompress.distillation.terms.structure import l1_and_ssim
from gancompress.recipe.schema import Recipe
from gancompress.run import RunDir
from gancompress.training.finetune import finetune


def tune_solved(recipe: Recipe, run: RunDir, pairs: Pairs) -> None:
    """Train the student on all training pairs; the weights nearest on the pairs that the search
    scored on are kept, and judged on the others."""
    accelerator, file = assemble.prepare(recipe), student_file(run)
    student = assemble.read_student(file, assemble.student_factory(recipe))
    supernet, _ = assemble.load_supernet(recipe, run)
    settings, unseen = paired_settings(recipe), unseen_pairs(recipe.search, pairs)
    distance = paired_distance(pairs, unseen, settings.terms)
    before = distance(student.module)
    parts = [
        AnsweredPairs(pairs, in_batches(supernet, indices), accelerator.device)
        for indices in (pairs.train, pairs.held_out[: recipe.search.score_samples])
    ]
    stage = f"finetune-{student.fingerprint[:8]}"
    samples = Samples(run.path / "samples", stage, accelerator.is_main_process)
    inputs, answers = pairs.batch(unseen[:PICTURED])
    inputs = {name: value.to(accelerator.device) for name, value in inputs.items()}

    @torch.no_grad()
    def show(step: int) -> None:
        samples(step, {"teacher": answers, "student": student.module(**inputs).cpu()})

    with training_logger(recipe, run, stage, accelerator) as logger:
        done = finetune(
            student.module.to(accelerator.device),
            *parts,
            steps=recipe.finetune.steps,
            loss=l1_and_ssim,
            seed=recipe.seed,
            logger=logger,
            show=show,
        )
    samples.film()
    module = student.module.cpu().requires_grad_(False)
    after = distance(module)
    remark = (
        f"Distance to the teacher on {len(unseen)} pairs not seen before: {before:.4f}, fine-tuned "
        f"{after:.4f} (learning rate {done.learning_rate:g}, best after {done.steps} of "
        f"{recipe.finetune.steps} steps)."
    )
    write_text(run.path / "finetune.txt", f"{remark}\n")
    provenance = {**student.provenance, "finetuned_steps": done.steps}
    tuned = replace(student, module=module, provenance=provenance)
    name = keep_student(tuned, run, f"{title(file)}-finetuned")
    facts = {
        "chosen": {
            "subnet": student.provenance["subnet"],
            "inherited": before,
            "fine-tuned": after,
        },
        "learning_rate": done.learning_rate,
        "steps": done.steps,
        "remarks": [remark],
        "student": name,
    }
    run.complete("finetune", facts, [name])
    adopt_student(run)
