"""`distill`: train the supernet on the recorded pairs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import nn

import gancompress as gc
from gancompress import assemble
from gancompress.api.channels import sort_for_training
from gancompress.api.distill import DistillSettings
from gancompress.assemble.inherit import freeze, keep_of_teacher
from gancompress.assemble.logs import event_logger
from gancompress.assemble.online import live_pairs, online_setup
from gancompress.assemble.pairs import open_pairs
from gancompress.assemble.samples import Samples
from gancompress.assemble.stages import ORDERED, skipped
from gancompress.assemble.teacher_data import expanded
from gancompress.data.live import Pairs
from gancompress.data.problems import problem_lines
from gancompress.distillation.objective import Objective, objective_of
from gancompress.distillation.options import DistillOptions
from gancompress.errors import RecipeError
from gancompress.metrics.feature_network import FeatureNetwork, open_network
from gancompress.recipe.schema import Recipe
from gancompress.run import RunDir
from gancompress.student.file import Architecture, Student, save_student
from gancompress.training.engine import Training
from gancompress.training.weights import load_weights


def distill(recipe: Recipe, run: RunDir) -> None:
    """Distil the teacher into ``run/supernet.safetensors``.

    With ``distill.online`` the trained teacher is written to ``run/teacher.safetensors``.
    """
    if reason := skipped("distill", recipe):
        run.complete("distill", {"skipped": reason})
        return
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
    made = ["supernet.safetensors", *(["teacher.safetensors"] if recipe.distill.online else [])]
    run.complete("distill", {**facts, "supernet": full.fingerprint}, made)


def _distilled(
    recipe: Recipe, run: RunDir, pairs: Pairs, online: Training | None = None
) -> tuple[Architecture, nn.Module]:
    """The trained supernet's module, and how it is built."""
    keys, options = recipe.student, recipe.distill
    architecture, module = assemble.open_student(recipe, run)
    if keys.keep and not keys.file:
        keep_of_teacher(module, teacher_module(recipe, run), keys.keep)
    supernet = assemble.make_supernet(module, pairs.inputs, keys)
    if recipe.orders:
        ordered = assemble.read_student(run.path / ORDERED, assemble.student_factory(recipe))
        module.load_state_dict(ordered.module.state_dict())
    elif keys.init == "teacher" or keys.file:
        sort_for_training(supernet, pairs, seed=recipe.seed)
    run.log("distill", {"space": supernet.space.size, "groups": len(supernet.space.groups)})
    freeze(supernet.module, keys.keep)
    with training_settings(recipe, run, pairs, "distill", online) as settings:
        trained = gc.distill(
            supernet,
            pairs,
            options.terms,
            steps=options.steps,
            folder=run.path / "checkpoints",
            options=options,
            settings=settings,
        )
    return architecture, trained.module


@contextmanager
def training_settings(
    recipe: Recipe, run: RunDir, pairs: Pairs, stage: str, online: Training | None = None
) -> Iterator[DistillSettings]:
    """What the recipe trains with; ``stage`` names log, checkpoint and pictures.

    Args:
        online: the training of a teacher that is trained in the same steps.
    """
    accelerator, options = assemble.prepare(recipe), recipe.distill
    images = assemble.real_images(recipe)
    for line in problem_lines(images[0].problems if images else ()):
        run.log(stage, {"event": line})
    samples = Samples(run.path / "samples", stage, accelerator.is_main_process)
    with event_logger(run, stage, accelerator.is_main_process, recipe.track, recipe.name) as log:
        yield DistillSettings(
            teacher=None if online else white_box(recipe, run, pairs),
            discriminator=discriminator_of(options, recipe.seed + 1),
            features=feature_networks(options, str(accelerator.device)),
            real=images[0] if images and learns_from_real(options) else None,
            seed=recipe.seed,
            device=recipe.device,
            precision=recipe.precision,
            log=log,
            log_every=recipe.log_every,
            checkpoint_seconds=recipe.checkpoint_seconds,
            show=samples,
            title=stage,
            online=online,
        )
    samples.film()


def learns_from_real(options: DistillOptions) -> bool:
    """Whether real images are used: by the discriminator, or by a term."""
    objective = _objective(options)
    return options.real_weight > 0 or bool(objective.needing("real_images"))


def check_objective(recipe: Recipe) -> None:
    """Refuse terms that do not exist or lack what they need, before anything is computed.

    Raises:
        RecipeError: a term is unknown, or lacks what it needs.
    """
    objective = _objective(recipe.distill)
    for name in objective.needing("feature_network"):
        if not objective.terms[name].options.network:
            raise RecipeError(
                f"distill.terms.{name}.network: missing; name the network whose feature maps are "
                "compared, e.g. squeezenet:squeezenet1_1.pth or a classifier of "
                "`gancompress train-extractor`"
            )


def _objective(options: DistillOptions) -> Objective:
    """All terms of the recipe, those on real images included."""
    discriminator = bool(options.discriminator.factory)
    return objective_of(options.terms, discriminator=discriminator, real_images=True)


def teacher_module(recipe: Recipe, run: RunDir) -> nn.Module:
    """The teacher's module, to take parts of."""
    if recipe.teacher.black_box:
        raise RecipeError("student.keep: a black box does not show its parts; leave it empty")
    return assemble.open_teacher(recipe, run).module


def discriminator_of(options: DistillOptions, seed: int) -> nn.Module | None:
    """The recipe's discriminator, from scratch or with given weights."""
    own = options.discriminator
    if not own.factory:
        return None
    network = assemble.build_discriminator(own.factory, own.kwargs, seed)
    if own.file:
        load_weights(network, Path(own.file).expanduser(), "distill.discriminator.file")
    return network


def feature_networks(options: DistillOptions, device: str) -> dict[str, FeatureNetwork]:
    """The networks of the terms that compare feature maps in one; terms may share one."""
    opened: dict[tuple[str, tuple[str, ...]], FeatureNetwork] = {}
    found, objective = {}, _objective(options)
    for name in objective.needing("feature_network"):
        own = objective.terms[name].options
        key = (expanded(own.network), own.taps)
        if key not in opened:
            opened[key] = open_network(f"distill.terms.{name}", *key, device)
        found[name] = opened[key]
    return found


def white_box(recipe: Recipe, run: RunDir, pairs: Pairs) -> nn.Module | None:
    """The teacher's module, where a term compares maps inside it and it is no black box."""
    tapping = _objective(recipe.distill).needing("taps")
    if not tapping or recipe.teacher.pairs:
        return None
    teacher = assemble.load_teacher(recipe, run)
    if teacher.fingerprint != pairs.plan.teacher:
        raise RecipeError(
            f"distill.terms: {', '.join(tapping)}: the pairs were recorded from another teacher "
            f"({pairs.plan.teacher:.12} against {teacher.fingerprint:.12}); collect them again"
        )
    module = getattr(teacher, "module", None)
    return module if isinstance(module, nn.Module) else None
