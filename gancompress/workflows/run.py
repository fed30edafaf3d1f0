"""`run`: every stage of a recipe in order; those that are complete are skipped."""

from collections.abc import Callable
from pathlib import Path

import gancompress
from gancompress.assemble.budget import budget_of
from gancompress.assemble.scoring import check_evaluators
from gancompress.atomic import write_text
from gancompress.errors import RunError
from gancompress.recipe.load import (
    differences,
    load_recipe,
    recipe_to_dict,
    recipe_to_yaml,
)
from gancompress.recipe.schema import Recipe
from gancompress.run import RunDir, next_run, runs_in
from gancompress.workflows.check import check_recipe
from gancompress.workflows.collect import collect
from gancompress.workflows.distill import check_objective, distill
from gancompress.workflows.export import export
from gancompress.workflows.finetune import finetune
from gancompress.workflows.report import report
from gancompress.workflows.search import search
from gancompress.workflows.teach import teach

STAGES: dict[str, Callable[[Recipe, RunDir], None]] = {
    "teach": teach,
    "collect": collect,
    "distill": distill,
    "search": search,
    "finetune": finetune,
    "export": export,
    "report": report,
}

ROOT = Path("runs")


def run_until(recipe: Recipe, run: RunDir, last: str) -> None:
    """Do the stages up to and with ``last`` that are not complete."""
    # What nobody can read or learn is told before hours of training, not after.
    budget_of(recipe.search)
    check_evaluators(recipe)
    check_objective(recipe)
    for stage, work in STAGES.items():
        if not run.is_complete(stage):
            work(recipe, run)
        if stage == last:
            return


def open_run(
    recipe_path: Path,
    overrides: list[str],
    directory: Path | None,
    *,
    fresh: bool,
    root: Path,
    last: str = "report",
) -> tuple[Recipe, RunDir]:
    """The run that a recipe goes on with, or a new one.

    Args:
        recipe_path: the recipe.
        overrides: ``key.sub=value`` texts.
        directory: the run; None takes the newest run of this very recipe in ``root``.
        fresh: begin a new run in ``root`` whatever is there.
        last: stage after which nothing is wanted; a new run is begun only if all up to it can be.

    Raises:
        RecipeError: the recipe cannot be run; lists every mistake.
        RunError: ``directory`` holds a run of another recipe; tells what differs.
    """
    recipe = load_recipe(recipe_path, overrides)
    if directory is not None and directory.exists() and any(directory.iterdir()):
        run = RunDir.open(directory)
        changed = differences(recipe_to_dict(_stored(run)), recipe_to_dict(recipe))
        if changed:
            listed = "\n".join(f"  {difference}" for difference in changed)
            raise RunError(
                f"{directory}: made by another recipe\n{listed}\n"
                "take these changes back, or give another --run"
            )
        return recipe, run
    if directory is None and not fresh:
        for path in runs_in(root):
            run = RunDir.open(path)
            if _has_recipe(run) and _stored(run) == recipe:
                return recipe, run
    folder = directory or next_run(root, recipe.name)
    check_recipe(recipe, str(recipe_path), folder, last)
    run = RunDir.create(folder, version=gancompress.__version__)
    write_text(run.path / "recipe.yaml", recipe_to_yaml(recipe))
    return recipe, run


def existing_run(directory: Path | None, root: Path) -> tuple[Recipe, RunDir]:
    """The run at ``directory``, or the newest one in ``root``."""
    if directory is None:
        found = runs_in(root)
        if not found:
            raise RunError(f"{root}: no runs in it; `gancompress run RECIPE` makes one")
        directory = found[0]
    run = RunDir.open(directory)
    return _stored(run), run


def _has_recipe(run: RunDir) -> bool:
    # A process that was killed at once leaves a run without a recipe.
    return (run.path / "recipe.yaml").is_file()


def _stored(run: RunDir) -> Recipe:
    path = run.path / "recipe.yaml"
    if not path.is_file():
        raise RunError(f"{run.path}: no recipe.yaml in it; delete the folder and start again")
    return load_recipe(path)
