"""The generator that a verb is given: a run, a student, a published file, or own weights."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from gancompress.assemble.problems import tell_problems, tell_resized
from gancompress.assemble.students import student_file
from gancompress.assemble.trust import require_trust
from gancompress.batch import Input, in_range
from gancompress.data.images import Images, common_size, open_images, to_float
from gancompress.errors import DataError, RecipeError
from gancompress.generators.any_size import find_size_rule
from gancompress.generators.build import build
from gancompress.recipe.load import load_kept
from gancompress.run import RunDir, is_run
from gancompress.student.file import load_student
from gancompress.teachers.from_file import from_file, is_student, student_in
from gancompress.teachers.hub import located
from gancompress.teachers.own_weights import weights_for
from gancompress.teachers.teacher import InputData, ModuleTeacher


@dataclass(frozen=True)
class GeneratorFile:
    """Where a generator is, and what its file does not say of it.

    Attributes:
        path: a run directory (its student), a student or teacher file, or own weights.
        family: of a teacher file that does not show it.
        factory: of a student whose architecture is not built in, or of the module that the weights
            in the file are for; of a run, the one in its recipe by default.
        settings: of a teacher file (``part``, ``size``, …), or arguments of the factory.
        inputs: folder or zip of images that an image-to-image generator is fed, at their own size
            where it takes it.
    """

    path: Path
    family: str | None = None
    factory: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    inputs: str | Path | None = None

    def __str__(self) -> str:
        return str(self.path)


def open_generator(what: GeneratorFile) -> ModuleTeacher:
    """The frozen generator of a run directory, a student file, a teacher file or own weights."""
    path, factory = located(what.path), what.factory
    if is_run(path):
        factory = factory or _factory_of(path)
        path = student_file(RunDir.open(path))
    if factory is not None and not is_student(path):
        found = _with_weights(path, factory, what.settings)
    elif factory is not None:
        student = load_student(student_in(path), factory=factory)
        found = ModuleTeacher(student.module, student.inputs)
    else:
        found = from_file(path, what.family, **what.settings)
    if what.inputs is not None:
        found.data = _feed(found, what.inputs)
    return found


def _factory_of(run: Path) -> str | None:
    """The factory of a run's own student, where it is not built in; its recipe vouches for it."""
    recipe = run / "recipe.yaml"
    if not recipe.is_file():
        return None
    read = load_kept(recipe)
    require_trust(read, run)
    factory = read.student.factory
    factory = read.teacher.factory if factory == "teacher" else factory
    return factory if ":" in factory else None


def _with_weights(path: Path, factory: str, kwargs: Mapping[str, Any]) -> ModuleTeacher:
    module = build(factory, **kwargs)
    module.load_state_dict(weights_for(module, path, factory))
    inputs = getattr(module, "inputs", None)
    if not inputs:
        raise RecipeError(
            f"{factory}: its module does not say what it is fed; give it an attribute, e.g. "
            "self.inputs = {'image': Input('image', (3, 256, 256))}"
        )
    return ModuleTeacher(module, inputs)


@dataclass(frozen=True)
class _Images:
    """Images as the one input ``name`` of a generator, in the range that it is meant for."""

    images: Images
    name: str
    entry: Input

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        image = to_float(self.images.batch([index]))[0]
        return {self.name: in_range(image, self.entry)}


def _feed(generator: ModuleTeacher, inputs: str | Path) -> InputData:
    fed = [name for name, entry in generator.inputs.items() if entry.kind == "image"]
    if len(fed) != 1:
        wanted = ", ".join(generator.inputs)
        raise DataError(f"{inputs}: the generator takes {wanted}, not an image")
    name, entry = fed[0], generator.inputs[fed[0]]
    images = _images_for(generator, name, inputs)
    tell_problems(images.problems, str(inputs))
    generator.inputs = {**generator.inputs, name: replace(entry, shape=images.shape)}
    return _Images(images, name, entry)


def _images_for(generator: ModuleTeacher, name: str, inputs: str | Path) -> Images:
    """Images at their own size where the generator takes it, and otherwise brought to its own."""
    channels, height, width = generator.inputs[name].shape
    own = common_size(inputs, channels)
    if own is not None and own != (height, width) and not _takes(generator, name, own):
        tell_resized(inputs, own, (height, width), "all that the network takes")
        own = None
    return open_images(inputs, resolution=own or (height, width), channels=channels)


def _takes(generator: ModuleTeacher, name: str, size: tuple[int, int]) -> bool:
    """Whether the generator takes images of another size than its own as well."""
    if len(generator.inputs) > 1:
        return False
    channels, height, width = generator.inputs[name].shape
    rule = find_size_rule(lambda image: generator({name: image}), (channels, height, width))
    return rule.fixed is None and not any(side % rule.multiple for side in size)
