"""From the words of a recipe and the files of a run to the objects that the verbs work with."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn

from gancompress.batch import Input, InputSpec, example_inputs
from gancompress.data.digits import open_digits
from gancompress.data.images import Images, open_images
from gancompress.data.splits import split
from gancompress.distill.objective import TermWeight
from gancompress.elastic import Supernet
from gancompress.elastic.student import Architecture, Student, load_student
from gancompress.errors import RecipeError, RunError
from gancompress.generators.build import build
from gancompress.recipe.schema import Data, InputKeys, Recipe
from gancompress.recipe.schema import Student as StudentKeys
from gancompress.run_dir import RunDir
from gancompress.teachers.from_file import from_file
from gancompress.teachers.teacher import ModuleTeacher
from gancompress.training.optimise import make_accelerator
from gancompress.workflows.teacher_data import located, open_teacher_data


def prepare(recipe: Recipe) -> Accelerator:
    """Set threads and determinism as the recipe says; returns where to train."""
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    # cuBLAS is deterministic only with a fixed workspace.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    return make_accelerator(recipe.device, recipe.precision)


def open_data(data: Data, seed: int) -> tuple[Images, Images]:
    """The real images as (training, held out)."""
    if data.source == "digits":
        train = open_digits(data.resolution, part="train")
        return train, open_digits(data.resolution, part="held_out")
    images = open_images(located(data.source), resolution=data.resolution, channels=data.channels)
    count = int(len(images) * data.held_out)
    train_rows, held_out_rows = split(len(images), count, seed=seed, labels=images.labels)
    return images.subset(train_rows), images.subset(held_out_rows)


def real_images(recipe: Recipe) -> tuple[Images, Images] | None:
    """The recipe's real images, if it has any."""
    return open_data(recipe.data, recipe.seed) if recipe.data.source else None


def inputs_of(module: nn.Module, given: Mapping[str, InputKeys], where: str) -> InputSpec:
    """The input specification: the recipe's, or the module's own."""
    if given:
        return {
            name: Input(entry.kind, entry.shape, entry.low, entry.high)
            for name, entry in given.items()
        }
    inputs = getattr(module, "inputs", None)
    if not isinstance(inputs, dict) or not all(isinstance(e, Input) for e in inputs.values()):
        raise RecipeError(
            f"{where}.inputs: missing, and {type(module).__name__} has no `inputs` attribute; "
            "say what the generator is fed, e.g. {z: {kind: normal, shape: [128]}}"
        )
    return dict(inputs)


def load_teacher(recipe: Recipe, run: RunDir) -> ModuleTeacher:
    """The teacher file of the recipe, or the teacher that `teach` trained in this run."""
    if recipe.teacher.file:
        path = Path(os.path.expandvars(recipe.teacher.file)).expanduser()
        teacher = from_file(path, recipe.teacher.family or None, **recipe.teacher.kwargs)
        teacher.data = open_teacher_data(recipe.teacher.data, teacher.inputs)
        return teacher
    taught = read_student(run.path / "teacher.safetensors", recipe.teacher.factory)
    return ModuleTeacher(taught.module, taught.inputs)


def student_architecture(keys: StudentKeys) -> Architecture:
    """How the supernet's module is built at full width."""
    return Architecture(keys.factory, keys.kwargs, keys.separable)


def make_supernet(module: nn.Module, inputs: InputSpec, keys: StudentKeys) -> Supernet:
    """Make ``module`` elastic as the recipe says."""
    return Supernet(
        module,
        example_inputs(inputs),
        divisor=keys.divisor,
        minimum=keys.minimum,
        ratios=keys.ratios or None,
    )


def load_supernet(recipe: Recipe, run: RunDir) -> tuple[Supernet, Student]:
    """The trained supernet of a run, and the full-width student that holds its weights."""
    if not run.is_complete("distill"):
        raise RunError(f"{run.path}: no supernet in it yet; `gancompress distill` makes one")
    full = read_student(run.path / "supernet.safetensors", recipe.student.factory)
    return make_supernet(full.module, full.inputs, recipe.student), full


def read_student(path: Path, factory: str) -> Student:
    """A student file of this run; the recipe vouches for the factory in it."""
    return load_student(path, factory=factory if ":" in factory else None)


def build_discriminator(factory: str, kwargs: Mapping[str, Any], seed: int) -> nn.Module:
    """A freshly initialised discriminator, the same for the same seed."""
    return seeded(seed, lambda: build(factory, **kwargs))


def seeded(seed: int, make: Callable[[], nn.Module]) -> nn.Module:
    """What ``make`` builds with its initial weights drawn from ``seed``."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make()


def term_weights(recipe: Recipe) -> dict[str, TermWeight]:
    """The loss terms of the recipe."""
    return {
        name: TermWeight(term.weight, term.decay, term.until, term.final, term.every)
        for name, term in recipe.distill.terms.items()
    }


def pair(betas: tuple[float, ...]) -> tuple[float, float]:
    """Adam's two betas."""
    return betas[0], betas[1]
