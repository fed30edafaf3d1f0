"""`distill`: train the supernet on the recorded pairs."""

from torch import nn

from gancompress.data.pairs import PairStore
from gancompress.distill.loop import distill as train
from gancompress.distill.source import Source
from gancompress.elastic import Subnet, Supernet
from gancompress.elastic.student import Student, save_student
from gancompress.recipe.schema import Recipe
from gancompress.run_dir import RunDir
from gancompress.workflows import assemble
from gancompress.workflows.logs import logger


def distill(recipe: Recipe, run: RunDir) -> None:
    """Distil the pairs in ``run/pairs`` into ``run/supernet.safetensors``."""
    pairs = PairStore(run.path / "pairs")
    architecture = assemble.student_architecture(recipe.student)
    module = assemble.seeded(recipe.seed, architecture.build)
    supernet = assemble.make_supernet(module, pairs.inputs, recipe.student)
    run.log("distill", {"space": supernet.space.size, "groups": len(supernet.space.groups)})
    keys = recipe.distill
    fixed = supernet.space.parse(keys.fixed) if keys.fixed else None
    trained = train_supernet(
        recipe,
        run,
        supernet,
        pairs,
        stage="distill",
        steps=keys.steps,
        learning_rate=keys.learning_rate,
        fixed=fixed,
    )
    full = Student(trained, pairs.inputs, architecture, {"teacher": pairs.plan.teacher})
    save_student(full, run.path / "supernet.safetensors")
    run.complete("distill", {"steps": keys.steps, "supernet": full.fingerprint})


def train_supernet(
    recipe: Recipe,
    run: RunDir,
    supernet: Supernet,
    pairs: PairStore,
    *,
    stage: str,
    steps: int,
    learning_rate: float,
    fixed: Subnet | None,
) -> nn.Module:
    """Train ``supernet`` as the recipe's ``distill`` says; gives the average's module, on the CPU.

    Args:
        stage: names log and checkpoint.
        steps, learning_rate, fixed: in the place of the recipe's.
    """
    accelerator = assemble.prepare(recipe)
    data = assemble.real_images(recipe)
    keys = recipe.distill
    opponent = keys.discriminator
    discriminator = None
    if opponent.factory:
        discriminator = assemble.build_discriminator(
            opponent.factory, opponent.kwargs, recipe.seed + 1
        )
    source = Source(
        pairs,
        data[0] if data else None,
        keys.batch_size,
        recipe.seed,
        accelerator.device,
        accelerator.process_index,
        accelerator.num_processes,
    )
    with logger(run, stage, accelerator.is_main_process) as log:
        trained = train(
            supernet,
            source,
            terms=assemble.term_weights(recipe),
            discriminator=discriminator,
            adversarial=keys.adversarial,
            real_weight=keys.real_weight,
            accelerator=accelerator,
            steps=steps,
            learning_rate=learning_rate,
            discriminator_learning_rate=keys.discriminator_learning_rate,
            betas=assemble.pair(keys.betas),
            schedule=keys.schedule,
            ema=keys.ema,
            clip=keys.clip,
            rule=keys.subnets,
            random_subnets=keys.random_subnets,
            fixed=fixed,
            seed=recipe.seed,
            checkpoint=run.path / "checkpoints" / f"{stage}.pt",
            checkpoint_seconds=recipe.checkpoint_seconds,
            log=log,
            log_every=recipe.log_every,
        )
    return trained.cpu()
