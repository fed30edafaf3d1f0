"""The student that a recipe names: its architecture, its supernet, its discriminator."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import nn

from gancompress.assemble.inherit import check_kept, inherit, start_from, within
from gancompress.assemble.stages import supernet_file
from gancompress.assemble.teacher import open_teacher, read_student, taught_architecture
from gancompress.assemble.teacher_data import expanded
from gancompress.batch import InputSpec, example_inputs
from gancompress.errors import RecipeError, RunError
from gancompress.generators.adapted import has_lists
from gancompress.generators.build import build
from gancompress.recipe.schema import Recipe, StudentOptions
from gancompress.run import RunDir
from gancompress.student.file import Architecture, Student
from gancompress.supernet import Supernet
from gancompress.supernet.skip import is_within


def open_student(recipe: Recipe, run: RunDir) -> tuple[Architecture, nn.Module]:
    """The supernet's module at full width: how it is built, and with its first weights."""
    keys, teacher = recipe.student, None
    # One that learns along is not there yet.
    if keys.factory == "teacher" and not recipe.distill.online and not is_black_box(recipe):
        teacher = open_teacher(recipe, run)
    architecture = student_architecture(recipe, teacher.architecture if teacher else None)
    module = seeded(recipe.seed, architecture.build)
    if keys.file:
        anew = start_from(module, keys.file)
        check_kept(module, anew, keys.keep)
        run.log("distill", {"event": f"from {keys.file}; start anew: {', '.join(anew) or 'none'}"})
    if teacher and (keys.init == "teacher" or recipe.orders):
        inherit(module, teacher.module)
    return architecture, module


def is_black_box(recipe: Recipe) -> bool:
    """Whether only answers of the teacher are known."""
    return recipe.teacher.black_box


def student_architecture(recipe: Recipe, teacher: Architecture | None) -> Architecture:
    """How the recipe's student is built at full width.

    Args:
        recipe: names the factory.
        teacher: architecture of the teacher; None: of the one that `teach` trains.

    Raises:
        RecipeError: it is to be the teacher's, which is a black box.
    """
    keys = recipe.student
    if keys.factory != "teacher":
        return Architecture(
            keys.factory,
            keys.kwargs,
            keys.separable,
            output=keys.output,
            lists=has_lists(recipe.teacher.inputs),
        )
    if is_black_box(recipe):
        raise RecipeError(
            "student.factory: teacher: the architecture of a black box is not known; name another"
        )
    whole = teacher or taught_architecture(recipe)
    return replace(
        whole,
        kwargs={**whole.kwargs, **keys.kwargs},
        separable=(*whole.separable, *keys.separable),
        output=keys.output or whole.output,
    )


def student_factory(recipe: Recipe) -> str:
    """The factory behind the student's file, which the recipe vouches for."""
    return recipe.teacher.factory if recipe.student.factory == "teacher" else recipe.student.factory


def make_supernet(module: nn.Module, inputs: InputSpec, keys: StudentOptions) -> Supernet:
    """Make ``module`` elastic as the recipe says; what is kept of the teacher stays as it is."""
    device = next((parameter.device for parameter in module.parameters()), torch.device("cpu"))
    make = partial(
        Supernet,
        module,
        {name: value.to(device) for name, value in example_inputs(inputs).items()},
        divisor=keys.divisor,
        minimum=keys.minimum,
        ratios=keys.ratios or None,
        depth=keys.depth,
    )
    supernet = make()
    kept = {
        group.name: [group.channels]
        for group in supernet.groups
        if group.pinned is None and any(within(name, keys.keep) for name, _ in group.places)
    }
    for branch in supernet.graph.branches:
        if any(is_within(part, branch.skips) for part in keys.keep) or any(
            within(path, keys.keep) for path in branch.skips
        ):
            kept[supernet.groups[branch.group].name] = [1]
    return make(widths=kept) if kept else supernet


def load_supernet(recipe: Recipe, run: RunDir) -> tuple[Supernet, Student]:
    """The supernet of a run, and the full-width student that holds its weights."""
    if not run.is_complete("order" if recipe.solves else "distill"):
        raise RunError(f"{run.path}: no supernet in it yet; `gancompress search` makes one")
    full = read_student(run.path / supernet_file(recipe), student_factory(recipe))
    return make_supernet(full.module, full.inputs, recipe.student), full


def build_discriminator(factory: str, kwargs: Mapping[str, Any], seed: int) -> nn.Module:
    """A freshly initialised discriminator, the same for the same seed."""
    return seeded(seed, lambda: discriminator_of(factory, kwargs))


def discriminator_of(factory: str, kwargs: Mapping[str, Any]) -> nn.Module:
    """A discriminator that a recipe names; variables in its arguments are filled in."""
    filled = {name: expanded(v) if isinstance(v, str) else v for name, v in kwargs.items()}
    return build(factory, **filled)


def seeded(seed: int, make: Callable[[], nn.Module]) -> nn.Module:
    """What ``make`` builds with its initial weights drawn from ``seed``."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make()
