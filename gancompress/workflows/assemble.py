"""From the words of a recipe and the files of a run to the objects that the verbs work with."""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn

from gancompress.batch import Input, InputSpec, example_inputs
from gancompress.data.digits import open_digits
from gancompress.data.images import Images, open_images
from gancompress.data.live import Pairs
from gancompress.data.paired import open_side_by_side
from gancompress.data.pairs import PairStore
from gancompress.data.splits import split
from gancompress.distill.objective import TermWeight
from gancompress.elastic import Supernet
from gancompress.elastic.importance import sort_channels, taylor_scores
from gancompress.elastic.student import Architecture, Student, load_student
from gancompress.errors import RecipeError, RunError, TeacherError
from gancompress.generators.build import build
from gancompress.generators.signed import signed
from gancompress.recipe.schema import Recipe
from gancompress.recipe.schema import Student as StudentKeys
from gancompress.recipe.sources import Data, InputKeys
from gancompress.run_dir import RunDir
from gancompress.teachers.downloads import missing_file
from gancompress.teachers.from_file import is_student, read_network
from gancompress.teachers.recorded import RecordedTeacher
from gancompress.teachers.remote import RemoteTeacher
from gancompress.teachers.teacher import ModuleTeacher
from gancompress.training.optimise import make_accelerator
from gancompress.workflows.inherit import inherit, within
from gancompress.workflows.own_teacher import load_own
from gancompress.workflows.remote_teacher import open_remote
from gancompress.workflows.teacher_data import (
    NumberedRows,
    expanded,
    located,
    open_teacher_data,
)

# Enough for the order of channels (elastic/importance.py), and as many as fit into memory at once.
IMPORTANCE_SAMPLES = 64
IMPORTANCE_BATCH = 4


def prepare(recipe: Recipe) -> Accelerator:
    """Set threads and determinism as the recipe says; returns where to train."""
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    # cuBLAS is deterministic only with a fixed workspace.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    return make_accelerator(recipe.device, recipe.precision)


def open_data(data: Data, seed: int, *, by_class: bool = True) -> tuple[Images, Images]:
    """The real images as (training, held out), by default with equal shares of every class."""
    if data.source == "digits":
        train = open_digits(data.size[0], part="train")
        return train, open_digits(data.size[0], part="held_out")
    images = open_all(data)
    count = int(len(images) * data.held_out)
    labels = images.labels if by_class else None
    train_rows, held_out_rows = split(len(images), count, seed=seed, labels=labels)
    return images.subset(train_rows), images.subset(held_out_rows)


def open_all(data: Data) -> Images:
    """The real images, not parted."""
    path, folder = located(data.source), data.folder or None
    if data.layout == "side_by_side":
        pairs = open_side_by_side(
            path,
            direction=data.direction,
            resolution=data.size,
            folder=folder,
            corrupt=data.corrupt,
            odd=data.odd,
        )
        assert pairs.targets is not None  # both halves are there
        return pairs.targets
    return open_images(
        path,
        folder=folder,
        resolution=data.size,
        crop=data.crop,
        channels=data.channels,
        corrupt=data.corrupt,
        odd=data.odd,
    )


def real_images(recipe: Recipe) -> tuple[Images, Images] | None:
    """The recipe's real images, if it has any; one photograph is none of a distribution."""
    if not recipe.data.source or recipe.data.layout == "photograph":
        return None
    return open_data(recipe.data, recipe.seed)


def inputs_of(module: nn.Module, given: Mapping[str, InputKeys], where: str) -> InputSpec:
    """The input specification: the recipe's, or the module's own."""
    if given:
        return stated_inputs(given, where)
    inputs = getattr(module, "inputs", None)
    if not isinstance(inputs, dict) or not all(isinstance(e, Input) for e in inputs.values()):
        raise RecipeError(
            f"{where}.inputs: missing, and {type(module).__name__} has no `inputs` attribute; "
            "say what the generator is fed, e.g. {z: {kind: normal, shape: [128]}}"
        )
    return dict(inputs)


def stated_inputs(given: Mapping[str, InputKeys], missing: str) -> InputSpec:
    """The input specification that a recipe states."""
    if not given:
        raise RecipeError(missing)
    return {n: Input(entry.kind, entry.shape, entry.low, entry.high) for n, entry in given.items()}


def load_teacher(recipe: Recipe, run: RunDir) -> ModuleTeacher | RemoteTeacher | RecordedTeacher:
    """The recipe's teacher, or the one that `teach` trained in this run, with what it is fed."""
    keys = recipe.teacher
    if keys.pairs:
        return RecordedTeacher(PairStore(Path(expanded(keys.pairs)).expanduser()))
    if keys.remote.url:
        inputs = stated_inputs(keys.inputs, "teacher.inputs: missing; say what the service is fed")
        data = open_teacher_data(keys.data, inputs, recipe.collect, recipe.seed)
        return open_remote(keys.remote, inputs, data, run.path)
    found = open_teacher(recipe, run)
    inputs = with_shares(found.inputs, recipe.collect.class_shares)
    return ModuleTeacher(found.module, inputs, teacher_data(recipe, inputs))


def with_shares(inputs: InputSpec, shares: tuple[float, ...]) -> InputSpec:
    """``inputs`` with the classes drawn as often as the recipe says."""
    if not shares:
        return inputs
    name = next((name for name, entry in inputs.items() if entry.kind == "one_hot"), None)
    if name is None or len(shares) != inputs[name].shape[0]:
        classes = inputs[name].shape[0] if name else "no"
        raise RecipeError(
            f"collect.class_shares: {len(shares)} numbers; the teacher is told {classes} classes"
        )
    return {**inputs, name: replace(inputs[name], shares=shares)}


def teacher_data(recipe: Recipe, inputs: InputSpec) -> NumberedRows | None:
    """What the teacher is fed; held out is what its own training did not see."""
    share = recipe.data.held_out if recipe.taught_on_inputs else None
    return open_teacher_data(recipe.teacher.data, inputs, recipe.collect, recipe.seed, share)


def open_teacher(recipe: Recipe, run: RunDir) -> Student:
    """The teacher's module with its inputs and how it is built."""
    keys = recipe.teacher
    output_range = keys.output_range[0], keys.output_range[1]
    path = Path(expanded(keys.file or keys.weights)).expanduser()
    if (keys.file or keys.weights) and not path.exists():
        raise TeacherError(missing_file(path))
    if keys.file and is_student(path):
        return load_student(path)
    if keys.file:
        found = read_network(path, keys.family or None, **keys.kwargs)
        architecture = Architecture(found.factory, found.kwargs, output_range=output_range)
        inputs = inputs_of(found.module, {}, "teacher")
        return Student(signed(found.module, output_range), inputs, architecture)
    if keys.weights:
        architecture = Architecture(keys.factory, keys.kwargs, output_range=output_range)
        own = load_own(architecture, path)
        return Student(own, inputs_of(own, keys.inputs, "teacher"), architecture)
    return read_student(run.path / "teacher.safetensors", keys.factory)


def taught_architecture(recipe: Recipe) -> Architecture:
    """Of the teacher that `teach` trains."""
    return Architecture(recipe.teacher.factory, recipe.teacher.kwargs)


def open_student(recipe: Recipe, run: RunDir) -> tuple[Architecture, nn.Module]:
    """The supernet's module at full width: how it is built, and with its first weights."""
    keys = recipe.student
    if keys.factory != "teacher":
        architecture = Architecture(keys.factory, keys.kwargs, keys.separable)
        return architecture, seeded(recipe.seed, architecture.build)
    if recipe.teacher.remote.url or recipe.teacher.pairs:
        raise RecipeError(
            "student.factory: teacher: the architecture of a black box is not known; name another"
        )
    # One that learns along is not there yet.
    teacher = None if recipe.distill.online else open_teacher(recipe, run)
    whole = teacher.architecture if teacher else taught_architecture(recipe)
    architecture = replace(
        whole,
        kwargs={**whole.kwargs, **keys.kwargs},
        separable=(*whole.separable, *keys.separable),
    )
    module = seeded(recipe.seed, architecture.build)
    if teacher and keys.init == "teacher":
        inherit(module, teacher.module)
    return architecture, module


def sort_by_importance(supernet: Supernet, pairs: Pairs, *, seed: int) -> None:
    """Put the channels that matter most to the output first, where narrow subnets keep them."""
    starts = range(0, min(IMPORTANCE_SAMPLES, len(pairs.train)), IMPORTANCE_BATCH)
    batches = [
        pairs.batch(pairs.train[start : min(start + IMPORTANCE_BATCH, IMPORTANCE_SAMPLES)])[0]
        for start in starts
    ]
    sort_channels(supernet, taylor_scores(supernet, batches, seed=seed))


def student_factory(recipe: Recipe) -> str:
    """The factory behind the student's file, which the recipe vouches for."""
    return recipe.teacher.factory if recipe.student.factory == "teacher" else recipe.student.factory


def make_supernet(module: nn.Module, inputs: InputSpec, keys: StudentKeys) -> Supernet:
    """Make ``module`` elastic as the recipe says; what is kept of the teacher stays as it is."""
    make = partial(
        Supernet,
        module,
        example_inputs(inputs),
        divisor=keys.divisor,
        minimum=keys.minimum,
        ratios=keys.ratios or None,
    )
    supernet = make()
    kept = {
        group.name: [group.channels]
        for group in supernet.groups
        if group.pinned is None and any(within(name, keys.keep) for name, _ in group.places)
    }
    return make(widths=kept) if kept else supernet


def load_supernet(recipe: Recipe, run: RunDir) -> tuple[Supernet, Student]:
    """The trained supernet of a run, and the full-width student that holds its weights."""
    if not run.is_complete("distill"):
        raise RunError(f"{run.path}: no supernet in it yet; `gancompress distill` makes one")
    full = read_student(run.path / "supernet.safetensors", student_factory(recipe))
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
        name: TermWeight(
            term.weight, term.decay, term.until, term.final, term.every, term.temperature
        )
        for name, term in recipe.distill.terms.items()
    }


def pair(betas: tuple[float, ...]) -> tuple[float, float]:
    """Adam's two betas."""
    return betas[0], betas[1]
