"""The pairs of a run: what is to be recorded, how they are had, and which are for what."""

from dataclasses import replace
from pathlib import Path

from gancompress import assemble
from gancompress.api.collect import collect
from gancompress.content import sha256_of
from gancompress.data.live import Pairs
from gancompress.data.manifest import FILE, read_manifest
from gancompress.data.pairs import PairStore
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
