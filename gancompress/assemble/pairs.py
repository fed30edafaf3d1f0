"""The pairs of a run: what is to be recorded, how they are had, and which are for what."""

from dataclasses import replace
from pathlib import Path

from torch import Tensor

from gancompress import assemble
from gancompress.api.collect import collect
from gancompress.architecture_search.evaluator import ScoreFunction, mean_absolute_error
from gancompress.batch import DRAWN, Batch, draw_inputs
from gancompress.content import sha256_of
from gancompress.data.live import Pairs
from gancompress.data.manifest import FILE, read_manifest
from gancompress.data.pairs import PairStore
from gancompress.distillation.terms import find_term
from gancompress.errors import DataError
from gancompress.recipe.schema import Recipe
from gancompress.run import RunDir
from gancompress.teachers.recorded import RecordedTeacher
from gancompress.teachers.teacher import FrozenTeacher, ModuleTeacher

# Fewer held-out pairs tell nothing of a subnet.
HELD_OUT = 2


def recorded(recipe: Recipe, teacher: FrozenTeacher, folder: Path | None = None) -> Pairs:
    """Pairs of ``teacher`` as the recipe says, in ``folder``; without one it is asked each time."""
    keys = recipe.collect
    return collect(
        teacher,
        count=keys.count,
        held_out=keys.held_out,
        folder=folder,
        seed=recipe.seed,
        options=replace(keys, store=folder is not None),
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
    return recorded(recipe, teacher)


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
