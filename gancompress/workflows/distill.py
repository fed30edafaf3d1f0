"""`distill`: train the supernet on the recorded pairs."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from gancompress import assemble
from gancompress.assemble.inherit import freeze, keep_of_teacher
from gancompress.assemble.logs import bookkeeping
from gancompress.assemble.online import live_pairs, online_setup
from gancompress.assemble.pairs import open_pairs
from gancompress.assemble.samples import Samples
from gancompress.assemble.teacher_data import expanded
from gancompress.batch import Batch
from gancompress.data.encoding import decode_output
from gancompress.data.live import Pairs
from gancompress.distillation.feature_network import FeatureNetwork, open_network
from gancompress.distillation.loop import Adversary
from gancompress.distillation.loop import distill as train
from gancompress.distillation.objective import NETWORK_TERMS, TAPPED_TERMS, check_terms
from gancompress.distillation.options import Options
from gancompress.distillation.source import Source
from gancompress.distillation.validation import Validate
from gancompress.errors import RecipeError
from gancompress.recipe.distilling import Distill
from gancompress.recipe.schema import Recipe
from gancompress.run import RunDir
from gancompress.student.file import Architecture, Student, save_student
from gancompress.supernet import Subnet, Supernet
from gancompress.training.engine import Training
from gancompress.training.weights import load_weights


def distill(recipe: Recipe, run: RunDir) -> None:
    """Distil the teacher into ``run/supernet.safetensors``.

    A teacher that learns along ends in ``run/teacher.safetensors``.
    """
    check_objective(recipe)
    facts: dict[str, Any] = {"steps": recipe.distill.steps}
    if recipe.distill.online:
        with online_setup(recipe, run) as setup:
            pairs: Pairs = live_pairs(recipe, setup)
            architecture, trained = _distilled(recipe, run, pairs, setup.training)
            teacher = setup.teacher()
        save_student(teacher, run.path / "teacher.safetensors")
        facts |= teacher.provenance
        fingerprint = assemble.load_teacher(recipe, run).fingerprint
    else:
        pairs = open_pairs(recipe, run)
        architecture, trained = _distilled(recipe, run, pairs)
        fingerprint = pairs.plan.teacher
    full = Student(trained, pairs.inputs, architecture, {"teacher": fingerprint})
    save_student(full, run.path / "supernet.safetensors")
    run.complete("distill", {**facts, "supernet": full.fingerprint})


def _distilled(
    recipe: Recipe, run: RunDir, pairs: Pairs, alongside: Training | None = None
) -> tuple[Architecture, nn.Module]:
    """The trained supernet's module, and how it is built."""
    architecture, module = assemble.open_student(recipe, run)
    if recipe.student.keep:
        keep_of_teacher(module, teacher_module(recipe, run), recipe.student.keep)
    supernet = assemble.make_supernet(module, pairs.inputs, recipe.student)
    if recipe.student.init == "teacher":
        assemble.sort_by_importance(supernet, pairs, seed=recipe.seed)
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
        alongside=alongside,
    )
    return architecture, trained


def train_supernet(
    recipe: Recipe,
    run: RunDir,
    supernet: Supernet,
    pairs: Pairs,
    *,
    stage: str,
    steps: int,
    learning_rate: float,
    fixed: Subnet | None,
    alongside: Training | None = None,
) -> nn.Module:
    """Train ``supernet`` as the recipe's ``distill`` says; gives the average's module, on the CPU.

    Args:
        stage: names log and checkpoint.
        steps, learning_rate, fixed: in the place of the recipe's.
        alongside: of a teacher that learns in the same steps.
    """
    accelerator = assemble.prepare(recipe)
    freeze(supernet.module, recipe.student.keep)
    data = assemble.real_images(recipe)
    keys = recipe.distill
    source = Source(
        pairs,
        data[0] if data and learns_from_real(keys) else None,
        keys.batch_size,
        recipe.seed,
        accelerator.device,
        accelerator.process_index,
        accelerator.num_processes,
        keys.discriminator.told,
    )
    samples = Samples(run.path / "samples", stage, accelerator.is_main_process)
    with bookkeeping(recipe, run, stage, accelerator) as books:
        trained = train(
            supernet,
            source,
            terms=assemble.term_weights(recipe),
            taps={name: term.taps for name, term in keys.terms.items()},
            networks=feature_networks(keys, str(accelerator.device)),
            teacher=None if alongside else inside_of_teacher(recipe, run, pairs),
            adversary=adversary_of(keys, recipe.seed + 1),
            validate=validation_of(keys, pairs, samples),
            accelerator=accelerator,
            options=Options(
                steps=steps,
                seed=recipe.seed,
                learning_rate=learning_rate,
                betas=assemble.pair(keys.betas),
                schedule=keys.schedule,
                ema=keys.ema,
                clip=keys.clip,
                accumulate=keys.accumulate,
                rule=keys.subnets,
                random_subnets=keys.random_subnets,
                fixed=fixed,
                in_place=keys.in_place,
                fresh=keys.fresh,
            ),
            cache=int(keys.cache_gigabytes * 1e9),
            books=replace(books, keep_every=keys.keep_every),
            alongside=alongside,
        )
    samples.film()
    return trained.cpu()


def learns_from_real(keys: Distill) -> bool:
    """Whether the student's discriminator is shown real images as well."""
    return keys.real_weight > 0 or "adversarial_real" in keys.terms


def check_objective(recipe: Recipe) -> None:
    """Refuse terms that do not exist or lack what they need, before anything is computed.

    Raises:
        RecipeError: as told.
    """
    keys = recipe.distill
    check_terms(assemble.term_weights(recipe), bool(keys.discriminator.factory))
    for name, term in keys.terms.items():
        if name in NETWORK_TERMS and not term.network:
            raise RecipeError(
                f"distill.terms.{name}.network: missing; name what the images are looked at with, "
                "e.g. squeezenet:squeezenet1_1.pth or a classifier of `gancompress train-extractor`"
            )


def teacher_module(recipe: Recipe, run: RunDir) -> nn.Module:
    """The teacher's module, to take parts of."""
    if recipe.teacher.remote.url or recipe.teacher.pairs:
        raise RecipeError("student.keep: a black box does not show its parts; leave it empty")
    return assemble.open_teacher(recipe, run).module


def adversary_of(keys: Distill, seed: int) -> Adversary | None:
    """The recipe's discriminator, from scratch or with inherited weights."""
    opponent = keys.discriminator
    if not opponent.factory:
        return None
    network = assemble.build_discriminator(opponent.factory, opponent.kwargs, seed)
    if opponent.file:
        load_weights(network, Path(opponent.file).expanduser(), "distill.discriminator.file")
    return Adversary(
        network,
        keys.adversarial,
        keys.discriminator_learning_rate,
        keys.real_weight,
        opponent.relativistic,
        opponent.r1,
        opponent.gradient_penalty,
        opponent.penalty_every,
        opponent.widths,
    )


def feature_networks(keys: Distill, device: str) -> dict[str, FeatureNetwork]:
    """The networks of the terms that look through one; terms may share one."""
    opened: dict[tuple[str, tuple[str, ...]], FeatureNetwork] = {}
    found = {}
    for name, term in keys.terms.items():
        if name in NETWORK_TERMS:
            named = (expanded(term.network), term.taps)
            if named not in opened:
                place = f"distill.terms.{name}"
                opened[named] = open_network(place, *named, device)
            found[name] = opened[named]
    return found


def inside_of_teacher(recipe: Recipe, run: RunDir, pairs: Pairs) -> nn.Module | None:
    """The teacher's module, where a term looks inside and it is a white box."""
    inside = [name for name in recipe.distill.terms if name in TAPPED_TERMS]
    if not inside or recipe.teacher.pairs:
        return None
    teacher = assemble.load_teacher(recipe, run)
    if teacher.fingerprint != pairs.plan.teacher:
        raise RecipeError(
            f"distill.terms: {', '.join(inside)}: the pairs were recorded from another teacher "
            f"({pairs.plan.teacher:.12} against {teacher.fingerprint:.12}); collect them again"
        )
    module = getattr(teacher, "module", None)
    return module if isinstance(module, nn.Module) else None


def validation_of(keys: Distill, pairs: Pairs, samples: Samples) -> Validate | None:
    """Held-out pairs to look at during the training."""
    indices = list(pairs.held_out)[: keys.validation_samples]
    if not keys.validate_every or len(indices) < 2:
        return None

    def held_out() -> tuple[Batch, Tensor]:
        batch, output = pairs.batch(indices)
        return batch, decode_output(output)

    return Validate(held_out, keys.validate_every, keys.patience, samples)
