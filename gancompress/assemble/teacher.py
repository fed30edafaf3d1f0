"""The teacher that a recipe names, with what it is fed."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from torch import nn

from gancompress.api.inputs import with_shares
from gancompress.assemble.own_teacher import load_own
from gancompress.assemble.remote_teacher import open_remote
from gancompress.assemble.teacher_data import (
    FedRows,
    expanded,
    open_teacher_data,
)
from gancompress.batch import Input, InputSpec
from gancompress.data.pairs import PairStore
from gancompress.errors import DataError, RecipeError, TeacherError
from gancompress.generators.adapted import has_lists
from gancompress.generators.signed import RANGE, signed
from gancompress.recipe.schema import Recipe
from gancompress.recipe.sources import InputOptions
from gancompress.run import RunDir
from gancompress.student.file import Architecture, Student, load_student
from gancompress.teachers.downloads import missing_file
from gancompress.teachers.from_file import is_student, read_network
from gancompress.teachers.hub import located
from gancompress.teachers.programs import open_program
from gancompress.teachers.recorded import RecordedTeacher
from gancompress.teachers.remote import RemoteTeacher
from gancompress.teachers.teacher import CallableTeacher, ModuleTeacher


def inputs_of(module: nn.Module, given: Mapping[str, InputOptions], where: str) -> InputSpec:
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


def stated_inputs(given: Mapping[str, InputOptions], missing: str) -> InputSpec:
    """The input specification that a recipe states."""
    if not given:
        raise RecipeError(missing)
    found = {}
    for name, entry in given.items():
        try:
            found[name] = Input(
                entry.kind, entry.shape, entry.low, entry.high, classes=entry.classes
            )
        except DataError as error:
            raise RecipeError(f"teacher.inputs.{name}: {error}") from error
    return found


def load_teacher(
    recipe: Recipe, run: RunDir
) -> ModuleTeacher | RemoteTeacher | RecordedTeacher | CallableTeacher:
    """The recipe's teacher, or the one that `teach` trained in this run, with what it is fed."""
    keys = recipe.teacher
    if keys.pairs:
        store = PairStore(Path(expanded(keys.pairs)).expanduser())
        store.verify()
        return RecordedTeacher(store)
    if keys.remote.url:
        inputs = stated_inputs(keys.inputs, "teacher.inputs: missing; say what the service is fed")
        data = open_teacher_data(keys.data, inputs, recipe.collect, recipe.seed)
        return open_remote(keys.remote, inputs, data, run.path)
    if keys.file and keys.program:
        return open_black_box(recipe)
    found = open_teacher(recipe, run)
    inputs = with_shares(found.inputs, recipe.collect.class_shares)
    assumptions = found.provenance.get("assumptions", ())
    return ModuleTeacher(found.module, inputs, teacher_data(recipe, inputs), assumptions)


def open_black_box(recipe: Recipe) -> CallableTeacher:
    """The teacher whose file is a program, with what it is fed."""
    keys = recipe.teacher
    stated = stated_inputs(keys.inputs, "") if keys.inputs else None
    teacher = open_program(
        Path(expanded(keys.file)).expanduser(),
        stated,
        trusted=bool(keys.kwargs.get("trusted")),
        output_range=(keys.output_range[0], keys.output_range[1]),
    )
    teacher.inputs = with_shares(teacher.inputs, recipe.collect.class_shares)
    teacher.data = teacher_data(recipe, teacher.inputs)
    return teacher


def teacher_data(recipe: Recipe, inputs: InputSpec) -> FedRows | None:
    """What the teacher is fed; held out is what its own training did not see."""
    share = recipe.data.held_out if recipe.taught_on_inputs else None
    return open_teacher_data(recipe.teacher.data, inputs, recipe.collect, recipe.seed, share)


def open_teacher(recipe: Recipe, run: RunDir) -> Student:
    """The teacher's module with its inputs and how it is built."""
    keys = recipe.teacher
    output_range = keys.output_range[0], keys.output_range[1]
    path = located(expanded(keys.file or keys.weights)).expanduser()
    if (keys.file or keys.weights) and not path.exists():
        raise TeacherError(missing_file(path))
    if keys.file and is_student(path):
        return load_student(path)
    if keys.file:
        found = read_network(path, keys.family or None, **keys.kwargs)
        if output_range == RANGE:
            output_range = found.output_range
        architecture = Architecture(found.factory, found.kwargs, output_range=output_range)
        inputs = inputs_of(found.module, {}, "teacher")
        told = {"assumptions": list(found.assumptions)} if found.assumptions else {}
        return Student(signed(found.module, output_range), inputs, architecture, told)
    if keys.weights:
        architecture = replace(taught_architecture(recipe), output_range=output_range)
        own = load_own(architecture, path)
        return Student(own, inputs_of(own, keys.inputs, "teacher"), architecture)
    return read_student(run.path / "teacher.safetensors", keys.factory)


def taught_architecture(recipe: Recipe) -> Architecture:
    """Of the teacher that `teach` trains."""
    keys = recipe.teacher
    return Architecture(keys.factory, keys.kwargs, output=keys.output, lists=has_lists(keys.inputs))


def read_student(path: Path, factory: str) -> Student:
    """A student file of this run; the recipe vouches for the factory in it."""
    return load_student(path, factory=factory if ":" in factory else None)
