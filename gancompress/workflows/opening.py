"""Which run a verb works on, and under which recipe."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import gancompress
from gancompress.assemble.trust import MARK, code_of, require_trust, trust
from gancompress.atomic import write_text
from gancompress.errors import RecipeError, RunError
from gancompress.recipe.load import load_kept, load_recipe, recipe_to_yaml
from gancompress.recipe.schema import Recipe
from gancompress.run import RunDir, is_run, next_run, runs_in
from gancompress.workflows.plan import plan

# Of the newest runs of a name, so many are looked at for what a recipe can keep.
LOOKED_AT = 8

# What a run has before any stage has made something.
_BARE = {"run.json", "recipe.yaml", "stages", "lock", "log.jsonl", "tensorboard", MARK}


@dataclass(frozen=True)
class Found:
    """A run and the recipe that a verb asks for; None in the place of a run still to be made."""

    recipe: Recipe
    run: RunDir | None


def recipe_of(what: Path, overrides: Sequence[str]) -> Recipe:
    """The recipe at ``what``, a recipe or a run, with ``key.sub=value`` texts applied."""
    return stored(RunDir.open(what), overrides) if is_run(what) else load_recipe(what, overrides)


def find_run(
    what: Path, overrides: Sequence[str], directory: Path | None, *, fresh: bool, root: Path
) -> Found:
    """The run that a recipe goes on with.

    Args:
        what: a recipe, or a run, which has its own.
        overrides: ``key.sub=value`` texts.
        directory: the run; None takes the newest one in ``root`` of this very recipe, or else the
            newest one of its name that has something to keep under it.
        fresh: take none.
        root: where runs are kept.
    """
    recipe = recipe_of(what, overrides)
    if directory is None and is_run(what):
        directory = what
    if directory is not None:
        there = directory.exists() and (not directory.is_dir() or any(directory.iterdir()))
        run = RunDir.open(directory) if there else None
        if run is not None and not is_run(what) and (run.path / "recipe.yaml").is_file():
            _trust_if_named(recipe, run)
        return Found(recipe, run)
    if fresh:
        return Found(recipe, None)
    named = [run for run in map(RunDir, runs_in(root)) if _named(run, recipe.name)][:LOOKED_AT]
    for run in named:
        if stored(run) == recipe:
            return Found(recipe, run)
    return Found(recipe, next((run for run in named if _keeps_something(recipe, run)), None))


def make_run(recipe: Recipe, directory: Path | None, root: Path) -> RunDir:
    """A new run of ``recipe``, at ``directory`` or the first free place in ``root``."""
    place = directory or next_run(root, recipe.name)
    run = RunDir.create(place, version=gancompress.__version__, recipe=recipe_to_yaml(recipe))
    trust(recipe, run.path)
    return run


def adopt(recipe: Recipe, run: RunDir) -> None:
    """Make ``recipe`` the one of ``run``, for verbs that name only the run."""
    text = recipe_to_yaml(recipe)
    path = run.path / "recipe.yaml"
    if path.read_text(encoding="utf-8") != text:
        write_text(path, text)
    trust(recipe, run.path)


def trust_run(directory: Path) -> list[str]:
    """Let the code run that the recipe of a run from elsewhere names; gives the names."""
    run = RunDir.open(directory)
    return trust(_read(run, ()), run.path)


def existing_run(directory: Path | None, root: Path, needs: str) -> tuple[Recipe, RunDir]:
    """The run at ``directory``, or the newest one in ``root`` that has done stage ``needs``."""
    if directory is not None:
        run = RunDir.open(directory)
        return stored(run), run
    for path in runs_in(root):
        run = RunDir(path)
        if run.is_complete(needs):
            run = RunDir.open(path)
            return stored(run), run
    raise RunError(
        f"{root}: no run in it whose stage {needs} is complete; `gancompress run RECIPE` makes one"
    )


def stored(run: RunDir, overrides: Sequence[str] = ()) -> Recipe:
    """The recipe of ``run``.

    Raises:
        UnsafeFileError: it names code, and was not made here.
    """
    recipe = _read(run, overrides)
    # What the user adds on the command line is theirs.
    require_trust(_read(run, ()) if overrides else recipe, run.path)
    return recipe


def _trust_if_named(recipe: Recipe, run: RunDir) -> None:
    """Whoever gives a recipe has named its code."""
    try:
        kept = _read(run, ())
    except RecipeError:  # damaged: the one that was given takes its place
        return
    if set(code_of(kept)) <= set(code_of(recipe)):
        trust(kept, run.path)


def _read(run: RunDir, overrides: Sequence[str]) -> Recipe:
    path = run.path / "recipe.yaml"
    if not path.is_file():
        raise RunError(f"{run.path}: no recipe.yaml in it; give its recipe and --run {run.path}")
    return load_kept(path, overrides)


@contextmanager
def gone_if_nothing_was_made(run: RunDir) -> Iterator[None]:
    """Remove a new ``run`` again in which a failed start made nothing."""
    try:
        yield
    except Exception:
        if {entry.name for entry in run.path.iterdir()} <= _BARE and not _made(run):
            shutil.rmtree(run.path, ignore_errors=True)
        raise


def _made(run: RunDir) -> bool:
    records = [run.record(file.stem) for file in (run.path / "stages").glob("*.json")]
    return any(record is not None and record.made for record in records)


def _named(run: RunDir, name: str) -> bool:
    # The folder tells most of it; its recipe the rest.
    return run.path.name.startswith(name) and _readable(run) and stored(run).name == name


def _readable(run: RunDir) -> bool:
    try:
        return bool(stored(RunDir.open(run.path)))
    except Exception:  # another version's run is none to go on with
        return False


def _keeps_something(recipe: Recipe, run: RunDir) -> bool:
    steps = plan(recipe, run, "report")
    records = [run.record(step.stage) for step in steps if not step.todo and not step.lost]
    return any(record is not None and record.made for record in records)
