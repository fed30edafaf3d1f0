"""The pairs of a run: what is to be recorded, how they are had, and which are for what."""

from pathlib import Path

from torch import Tensor

from gancompress import assemble
from gancompress.architecture_search.evaluator import ScoreFunction, mean_absolute_error
from gancompress.assemble.teacher_data import FedRows
from gancompress.batch import DRAWN, Batch, draw_inputs
from gancompress.content import sha256_of
from gancompress.data.live import LivePairs, Pairs
from gancompress.data.manifest import FILE, Plan, read_manifest
from gancompress.data.pairs import PairStore
from gancompress.distillation.terms import find_term
from gancompress.errors import DataError, TeacherError
from gancompress.recipe.schema import Recipe
from gancompress.run import RunDir
from gancompress.teachers.recorded import RecordedTeacher
from gancompress.teachers.remote import RemoteTeacher
from gancompress.teachers.teacher import CallableTeacher, ModuleTeacher

# Of images in [-1, 1]; what lies beyond was meant in another range.
FAR_OUTSIDE = 8.0

# Fewer held-out pairs tell nothing of a subnet.
HELD_OUT = 2


def recording_plan(
    recipe: Recipe, teacher: ModuleTeacher | RemoteTeacher | CallableTeacher
) -> Plan:
    """What is recorded of ``teacher``; two samples tell whether it answers images or scores.

    Raises:
        TeacherError: it answers neither, or images of another range than the recipe says.
    """
    keys = recipe.collect
    counts = keys.count, keys.held_out
    if isinstance(teacher.data, FedRows):
        counts = teacher.data.training, teacher.data.kept
    answers = teacher(teacher.sample_inputs(range(2), recipe.seed))
    if answers.ndim == 4:
        _check_range(answers, recipe.teacher.output_range)
    elif answers.ndim != 2:
        raise TeacherError(
            f"teacher: answers tensors of {tuple(answers.shape)}; images (N, C, H, W) or scores "
            "(N, K) can be distilled"
        )
    return Plan(
        inputs=teacher.inputs,
        teacher=teacher.fingerprint,
        seed=recipe.seed,
        count=sum(counts),
        held_out=counts[1],
        shard_size=keys.shard,
        output="uint8" if answers.ndim == 4 else "float32",
        latents="float16" if keys.half else "float32",
    )


def _check_range(images: Tensor, output_range: tuple[float, ...]) -> None:
    # Generators without a last tanh overshoot, by far less than 0…255 does.
    if float((images.abs() > FAR_OUTSIDE).float().mean()) > 0.1:
        low, high = output_range
        half = (high - low) / 2
        values = [(float(v) + 1) * half + low for v in (images.min(), images.max())]
        raise TeacherError(
            f"teacher.output_range: {low:g} to {high:g}, but its images hold {values[0]:.3g} to "
            f"{values[1]:.3g}; give the values of black and white, e.g. [0, 255]"
        )


def open_pairs(recipe: Recipe, run: RunDir) -> Pairs:
    """The pairs that were recorded, or the teacher itself where none are stored."""
    if recipe.records:
        return PairStore(run.path / "pairs")
    teacher = assemble.load_teacher(recipe, run)
    if isinstance(teacher, RecordedTeacher):
        return teacher.store
    if isinstance(teacher, ModuleTeacher):
        teacher.module.to(assemble.prepare(recipe).device)
    return LivePairs(teacher, recording_plan(recipe, teacher))


def require_held_out(store: PairStore) -> None:
    """Refuse recorded pairs of which too few are left to search by.

    Raises:
        DataError: as told.
    """
    if len(store.held_out) < HELD_OUT:
        raise DataError(
            f"{store.path}: holds out {len(store.held_out)} pairs; at least {HELD_OUT} are needed "
            "to search by: `gancompress pairs import … --held-out N`, into another folder"
        )


def damaged_shards(folder: Path) -> dict[str, str]:
    """The shards of recorded pairs that are ``missing`` or ``damaged``, by their files."""
    try:
        shards = read_manifest(folder).shards or ()
    except DataError:
        return {FILE: "damaged"}
    found = {}
    for shard in shards:
        file = folder / shard.file
        if not file.is_file():
            found[shard.file] = "missing"
        elif file.stat().st_size != shard.bytes or sha256_of(file) != shard.sha256:
            found[shard.file] = "damaged"
    return found


def can_be_drawn(pairs: Pairs) -> bool:
    """Whether fresh inputs come from a seed, as many as are wanted."""
    return all(entry.kind in DRAWN for entry in pairs.inputs.values())


def search_inputs(recipe: Recipe, pairs: Pairs, seed: int) -> Batch:
    """Inputs that finalists of the search are judged on: fresh ones, or its share of held-out.

    Fresh inputs are others for every evaluation ``seed``, and the same for all finalists.
    """
    if can_be_drawn(pairs):
        count = recipe.search.finalist_samples
        return draw_inputs(pairs.inputs, range(seed * count, (seed + 1) * count), recipe.seed + 2)
    return pairs.batch(pairs.held_out[: recipe.search.score_samples])[0]


def screen_inputs(recipe: Recipe, pairs: Pairs) -> Batch:
    """Fresh inputs that finalists are chosen on: others than they are judged on afterwards."""
    keys = recipe.search
    first = keys.seeds * keys.finalist_samples
    return draw_inputs(pairs.inputs, range(first, first + keys.screen_samples), recipe.seed + 2)


def unseen_pairs(recipe: Recipe, pairs: Pairs) -> range:
    """Held-out pairs that the search did not score on; all of them where it left none."""
    return pairs.held_out[recipe.search.score_samples :] or pairs.held_out


def paired_metric(recipe: Recipe, targets: Tensor) -> tuple[str, ScoreFunction]:
    """How far outputs are from the teacher's, with a name: L1 of images, the score term of scores.

    Scores of teacher and student are not of one kind (probabilities, logits): only the term that
    the student learned by knows how to compare them.
    """
    terms = [find_term(name) for name in recipe.distill.terms]
    term = next((term for term in terms if term.distance is not None), None)
    if targets.ndim == 4 or term is None or term.distance is None:
        return "l1", mean_absolute_error
    compare = term.distance
    return term.name, lambda outputs, inputs, answers: float(compare(outputs, answers))
