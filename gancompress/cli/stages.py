"""Verbs that work on a run: its stages, and the choice of a student for a budget."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from gancompress.cli.verbs import Verbs, add_json, add_root, add_verb, whole

if TYPE_CHECKING:
    from gancompress.recipe.schema import Recipe
    from gancompress.run import RunDir

STAGE_VERBS = {
    "run": ("report", "Do every stage of a recipe; go on where an earlier call stopped."),
    "teach": ("teach", "Train the recipe's teacher."),
    "collect": ("collect", "Record inputs and outputs of the teacher."),
    "distill": ("distill", "Train the supernet, after whatever earlier stages are missing."),
    "reconstruct": ("reconstruct", "Solve for the weights of the best subnets of the teacher."),
    "finetune": ("finetune", "Train the chosen subnet alone, after whatever stages are missing."),
    "export": ("export", "Export the student, after whatever earlier stages are missing."),
    "report": ("report", "Measure teacher and student, after whatever stages are missing."),
}


def stage_verbs(verbs: Verbs) -> None:
    """Add the verbs that do the stages of a recipe."""
    for name, (last, text) in STAGE_VERBS.items():
        example = f"gancompress {name} recipes/quickstart.yaml seed=1"
        parser = add_verb(verbs, name, text, example, _do_stages)
        parser.set_defaults(last=last)
        if name == "report":
            parser.description = f"{text} Given several runs, compare them (`compared.html`)."
            parser.set_defaults(command=_do_report)
        parser.add_argument(
            "recipe", type=Path, metavar="RECIPE_OR_RUN",
            help="YAML file (see `gancompress recipe schema`), or the run directory to go on with",
        )  # fmt: skip
        parser.add_argument("overrides", nargs="*", metavar="key.sub=value", help="changes to it")
        parser.add_argument(
            "--run",
            type=Path,
            help="run directory (default: the newest of its name that has what it can use)",
        )
        parser.add_argument("--fresh", action="store_true", help="begin a new run directory")
        parser.add_argument(
            "--dry-run", action="store_true", help="only tell what would be done, and why"
        )
        if name == "export":
            parser.add_argument(
                "--formats", nargs="+", metavar="FORMAT", help="instead of the recipe's"
            )
        add_json(parser)
        add_root(parser)


def _do_report(options: argparse.Namespace) -> None:
    """The report of one run; of several, a page that compares them."""
    from gancompress.run import is_run

    runs = [options.recipe, *map(Path, options.overrides)]
    if len(runs) == 1 or not all(map(is_run, runs)):
        _do_stages(options)
        return
    from gancompress.workflows.compare import compare

    page = Path("compared.html")
    print(compare(runs, page).text())
    print(page)


def _do_stages(options: argparse.Namespace) -> None:
    from gancompress.run import next_run
    from gancompress.workflows.check import check_recipe
    from gancompress.workflows.opening import (
        adopt,
        find_run,
        gone_if_nothing_was_made,
        make_run,
        stored,
    )
    from gancompress.workflows.plan import plan
    from gancompress.workflows.run import run_until

    if getattr(options, "formats", None):
        options.overrides.append(f"export.formats=[{', '.join(options.formats)}]")
    with _first_process_first(options) as first:
        where = {"fresh": options.fresh and first, "root": options.root}
        found = find_run(options.recipe, options.overrides, options.run, **where)
        recipe = found.recipe
        if first and (found.run is None or stored(found.run) != recipe):
            folder = (
                found.run.path if found.run else options.run or next_run(options.root, recipe.name)
            )
            check_recipe(recipe, str(options.recipe), folder, options.last)
        if options.dry_run:
            if first:
                _tell_plan(recipe, found.run, options)
            return
        run = found.run or make_run(recipe, options.run, options.root)
    new = first and found.run is None
    with (
        run.lock() if first else nullcontext(),
        gone_if_nothing_was_made(run) if new else nullcontext(),
    ):
        if first:
            print(f"run {run.path}", file=sys.stderr)
            adopt(recipe, run)
            for step in plan(recipe, run, options.last):
                print(step.line(), file=sys.stderr)
        run_until(recipe, run, options.last)
    if first:
        _tell(options.last, run, as_json=options.json)


def _tell(stage: str, run: "RunDir", *, as_json: bool) -> None:
    """Say what became of ``stage``."""
    import json
    from dataclasses import asdict

    from gancompress.workflows import report
    from gancompress.workflows.outcome import outcome

    found = outcome(stage, run)
    if as_json:
        print(json.dumps(asdict(found), indent=2))
    elif stage == "report":
        print(f"{report.show(run)}\nresult    {found.headline}\nnext      {found.next}")
    else:
        print(found.text())


def _tell_plan(recipe: "Recipe", run: "RunDir | None", options: argparse.Namespace) -> None:
    """Say what would be done, and why."""
    import json
    from dataclasses import asdict

    from gancompress.workflows.plan import plan

    steps = plan(recipe, run, options.last)
    if options.json:
        facts = {"run": str(run.path) if run else None, "plan": [asdict(step) for step in steps]}
        print(json.dumps(facts, indent=2))
        return
    print(run.path if run else "a new run")
    print("\n".join(step.line() for step in steps))


@contextmanager
def _first_process_first(options: argparse.Namespace) -> Iterator[bool]:
    """Let the first of several launched processes open the run; gives whether this is the first.

    The others then find the same one.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield True
        return
    from gancompress.assemble import prepare
    from gancompress.workflows.opening import recipe_of

    # Processes have to know where they compute before they can wait for each other.
    accelerator = prepare(recipe_of(options.recipe, options.overrides))
    with accelerator.main_process_first():
        yield accelerator.is_main_process


def search_verb(verbs: Verbs) -> None:
    """Add the verb `search`."""
    text = "Pick the best subnet of a run within a budget; the newest run by default."
    parser = add_verb(verbs, "search", text, "gancompress search --mac-budget 2M", _do_search)
    parser.add_argument("run", nargs="?", type=Path, help="run directory")
    parser.add_argument("--mac-budget", default="", help="exact MACs: 4M, 1.2G, or 1/8")
    parser.add_argument("--param-budget", default="", help="parameters: 500K, or 1/8")
    parser.add_argument("--size-budget", default="", help="bytes of the weights: 2MB, or 1/8")
    parser.add_argument(
        "--memory-budget",
        default="",
        help="bytes of inputs and intermediate results at one time: 8MB, or 1/8",
    )
    parser.add_argument("--latency-budget", default="", help="of one sample: 2ms")
    parser.add_argument(
        "--runtime", choices=["torch", "onnxruntime", "openvino"], help="for the latency budget"
    )
    parser.add_argument(
        "--device", default="", help="of `gancompress device add`: the latency budget is there"
    )
    parser.add_argument(
        "--trials", type=whole(1), help="score until so many subnets within the budget are scored"
    )
    parser.add_argument(
        "--storage",
        default="",
        help="database URL of the trials; started again, here or on a machine with a copy of the "
        "run, the same command shares the work",
    )
    parser.add_argument("--list", action="store_true", help="only list the best subnets found")
    add_json(parser)
    add_root(parser)


def _do_search(options: argparse.Namespace) -> None:
    import json

    from gancompress.architecture_search.front import Front
    from gancompress.assemble.front import front_facts, list_front
    from gancompress.errors import RunInUseError
    from gancompress.workflows.opening import existing_run
    from gancompress.workflows.run import run_until

    recipe, run = existing_run(options.run, options.root, "distill")
    recipe = _asked(recipe, options)
    try:
        with run.lock():
            if options.list:
                run_until(recipe, run, "search")
                front = Front.from_csv(run.path / "front.csv")
                print(
                    json.dumps(front_facts(front), indent=2) if options.json else list_front(front)
                )
                return
            _search(recipe, run, more=options.trials is not None)
    except RunInUseError as error:
        if not recipe.search.storage or run.is_complete("search"):
            raise
        print(f"{error}\nhelping its search, whose storage is shared", file=sys.stderr)
        if not _help(recipe, run):
            return
    if not options.json:
        print("\n".join(run.facts("search")["remarks"]))
    _tell("search", run, as_json=options.json)


def _help(recipe: "Recipe", run: "RunDir") -> bool:
    """Score for the process that leads the search of ``run``; whether the student is made here,
    because that process has ended before it made it."""
    from gancompress.errors import RunInUseError
    from gancompress.workflows.search import contribute

    scored = contribute(recipe, run)
    try:
        with run.lock():
            if not run.is_complete("search"):
                print(f"{scored} subnets scored here; that process has ended, going on without it",
                      file=sys.stderr)  # fmt: skip
                _search(recipe, run, more=False)
                return True
    except RunInUseError:
        pass
    print(f"{scored} subnets scored here; that process makes the student")
    return False


def _asked(recipe: "Recipe", options: argparse.Namespace) -> "Recipe":
    """The run's recipe with what the command line says about the search."""
    from gancompress.errors import RecipeError
    from gancompress.recipe.secrets import secret_mistakes
    from gancompress.workflows.search import with_search

    if mistakes := secret_mistakes(storage=options.storage, url=""):
        raise RecipeError(mistakes[0].replace("search.storage", "--storage"))
    budgets = ("mac_budget", "param_budget", "size_budget", "memory_budget", "latency_budget")
    given = {name: getattr(options, name) for name in budgets}
    settings = {name: getattr(options, name) for name in ("runtime", "trials", "storage")}
    changes = {name: value for name, value in settings.items() if value}
    if options.device and options.runtime:
        raise RecipeError("--device and --runtime: give one of them, the budget is of one place")
    if options.device and not (options.latency_budget or recipe.search.latency_budget):
        raise RecipeError(f"--device {options.device}: give --latency-budget too")
    if options.device or options.runtime:
        changes["device"] = options.device
    # A budget replaces the recipe's altogether.
    return with_search(recipe, **changes, **(given if any(given.values()) else {}))


def _search(recipe: "Recipe", run: "RunDir", *, more: bool) -> None:
    """Score what the search is still to score, or ``more``; else only choose."""
    from gancompress.architecture_search.budget import budget_of
    from gancompress.workflows.opening import adopt, stored
    from gancompress.workflows.plan import plan
    from gancompress.workflows.run import run_until
    from gancompress.workflows.search import choose

    budget_of(recipe.search)
    if more:
        run.reopen("search")
    if any(step.todo for step in plan(stored(run), run, "search")):
        run_until(recipe, run, "search")
    else:
        choose(recipe, run)
    adopt(recipe, run)
