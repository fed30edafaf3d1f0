"""What a recipe's teacher is fed and answers, known before anything is trained or recorded."""

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from gancompress import assemble
from gancompress.api.inputs import with_shares
from gancompress.assemble.check.data import Look, check_classes, check_same_shape
from gancompress.assemble.check.findings import Findings
from gancompress.assemble.check.network import Network, example_on, size
from gancompress.assemble.pairs import require_held_out
from gancompress.assemble.photograph import open_composite, open_pyramid
from gancompress.assemble.student import discriminator_of
from gancompress.assemble.teach_networks import check_networks, the_input
from gancompress.assemble.teach_single_image import check_single_image
from gancompress.assemble.teacher import open_black_box
from gancompress.assemble.teacher_data import expanded
from gancompress.batch import InputSpec, example_inputs
from gancompress.data.pairs import PairStore
from gancompress.errors import RecipeError, TeacherError
from gancompress.generators.adapted import choices
from gancompress.metrics.feature_network import open_network
from gancompress.recipe.schema import Recipe
from gancompress.run import RunDir
from gancompress.student.file import Architecture, Student
from gancompress.teachers.exchange import Credential, require_plain_url


@dataclass(frozen=True)
class Known:
    """What is known of a teacher.

    Attributes:
        inputs: what it is fed.
        output: shape of one answer; None of a service that answers images, which is not asked.
        network: of a white box.
        architecture: of a white box.
        student: of one whose weights are there.
    """

    inputs: InputSpec
    output: tuple[int, ...] | None
    network: Network | None = None
    architecture: Architecture | None = None
    student: Student | None = None


def look_at_teacher(recipe: Recipe, run: RunDir, found: Findings) -> Known | None:
    """The recipe's teacher; None where it cannot be had, which is among the mistakes then."""
    keys = recipe.teacher
    with found.noting(_place(recipe)):
        if keys.pairs:
            store = PairStore(Path(expanded(keys.pairs)).expanduser())
            with found.noting("teacher.pairs"):
                require_held_out(store)
            return Known(store.inputs, tuple(store.shard(0)["output"].shape[1:]))
        if keys.remote.url:
            return _service(recipe)
        if keys.file and keys.program:
            program = open_black_box(recipe)
            made = program(example_inputs(program.inputs))
            return Known(program.inputs, tuple(made.shape[1:]))
        if not keys.given and recipe.teach.objective == "single_image":
            return None
        if keys.given:
            student = assemble.open_teacher(recipe, run)
            network = Network(student.architecture.build, student.module)
            return _white(recipe, network, student.inputs, student.architecture, student)
        architecture = assemble.taught_architecture(recipe)
        network = Network(architecture.build)
        inputs = assemble.inputs_of(network.bare, keys.inputs, "teacher")
        return _white(recipe, network, inputs, architecture, None)
    return None


def _place(recipe: Recipe) -> str:
    keys = recipe.teacher
    for name, value in (
        ("pairs", keys.pairs),
        ("remote.url", keys.remote.url),
        ("file", keys.file),
        ("weights", keys.weights),
    ):
        if value:
            return f"teacher.{name}"
    return "teacher.factory"


def _service(recipe: Recipe) -> Known:
    """A service; nothing is asked of it here."""
    keys = recipe.teacher.remote
    missing = "teacher.inputs: missing; say what the service is fed"
    inputs = assemble.stated_inputs(recipe.teacher.inputs, missing)
    if not keys.version:
        raise RecipeError(
            "teacher.remote.version: empty; name the service and its version, so that answers of "
            "another one are never mixed in"
        )
    credential = Credential(keys.credential) if keys.credential else None
    if credential is not None:
        credential.value()
    require_plain_url(keys.url, credential)
    return Known(inputs, (keys.scores,) if keys.scores else None)


def _white(
    recipe: Recipe,
    network: Network,
    inputs: InputSpec,
    architecture: Architecture,
    student: Student | None,
) -> Known:
    inputs = with_shares(inputs, recipe.collect.class_shares)
    made = network(
        f"{_place(recipe)}: cannot take what it says it is fed", **example_on(network.bare, inputs)
    )
    if not isinstance(made, Tensor):
        raise TeacherError(several("teacher", made))
    if made.ndim < 2:
        raise TeacherError(
            f"{_place(recipe)}: answers tensors of {tuple(made.shape)}; the first dimension is "
            "that of the samples, and others follow"
        )
    return Known(
        inputs=inputs,
        output=tuple(made.shape[1:]),
        network=network,
        architecture=architecture,
        student=student,
    )


def several(section: str, made: object) -> str:
    """What to write where a generator returns no tensor."""
    found = choices(made)
    listed = ", ".join(f"{name} ({size(shape[1:])})" for name, shape in found.items())
    if not found:
        return f"{section}.factory: answers a {type(made).__name__} without a tensor in it"
    pictures = [name for name, shape in found.items() if len(shape) == 4] or list(found)
    return (
        f"{section}.output: empty, but the generator returns a {type(made).__name__} of {listed}; "
        f"say which is the answer, e.g. {section}.output: {pictures[0]}"
    )


def check_teaching(
    recipe: Recipe, teacher: Known | None, real: Look | None, found: Findings
) -> None:
    """Whether what `teach` trains, its discriminator and the images fit together."""
    keys = recipe.teach
    if recipe.teacher.given:
        return
    if keys.objective == "single_image":
        with found.noting("teach.single_image"):
            check_single_image(recipe)
            open_composite(keys.single_image, open_pyramid(recipe))
        return
    discriminator = Network(
        lambda: discriminator_of(keys.discriminator.factory, keys.discriminator.kwargs)
    )
    before = len(found.mistakes)
    with found.noting("teach.discriminator.factory"):
        discriminator.bare  # noqa: B018 - what cannot be built is told here
    if keys.objective == "semantic" and keys.semantic.perceptual:
        with found.noting("teach.semantic.network"):
            if not keys.semantic.network:
                raise RecipeError(
                    "teach.semantic.network: missing; teach.semantic.perceptual compares the maps "
                    "of a network, e.g. squeezenet:FILE or torchvision:vgg16"
                )
            open_network(
                "teach.semantic", expanded(keys.semantic.network), keys.semantic.taps, "cpu"
            )
    if teacher is None or teacher.network is None or real is None:
        return
    with found.noting("teach.objective"):
        conditions: dict[str, str] = {}
        if keys.objective == "adversarial":
            check_classes(real, teacher.inputs, found)
            conditions = {n: n for n, entry in teacher.inputs.items() if entry.choices}
        else:
            name, _ = the_input(teacher.inputs, keys.objective)
            conditions = {} if keys.objective == "cycle" else {"condition": name}
        check_same_shape(real, teacher.output or (), "the teacher", found)
        if len(found.mistakes) == before:
            _try_both(recipe, teacher, teacher.network, discriminator, conditions, real)


def _try_both(
    recipe: Recipe,
    teacher: Known,
    generator: Network,
    discriminator: Network,
    conditions: dict[str, str],
    real: Look,
) -> None:
    settings = {"conditions": conditions, "jitter": recipe.teach.jitter}
    try:
        check_networks(generator.bare, discriminator.bare, teacher.inputs, real.shape, **settings)  # type: ignore[arg-type]
    except RecipeError:
        # Without data some networks do not run that do with them.
        check_networks(generator.whole, discriminator.whole, teacher.inputs, real.shape, **settings)  # type: ignore[arg-type]


def described(teacher: Known) -> str:
    """Inputs and output in a line."""
    fed = ", ".join(f"{name} {size(entry.shape)}" for name, entry in teacher.inputs.items())
    return f"{fed} → {size(teacher.output) if teacher.output else 'an image'}"
