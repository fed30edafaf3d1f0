"""The command line: subcommands, one workflow call each."""

import argparse
import contextlib
import errno
import logging
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import gancompress
from gancompress.errors import GancompressError

DESCRIPTION = """\
Make a generator small: distil it into a supernet, search the supernet for the best subnet within a
budget, prove that the extracted student equals what was searched, export it.

  gancompress run recipes/quickstart.yaml        everything, from data to the exported student
  gancompress search --mac-budget 2M             another student from the newest run
  gancompress inspect my_models.py:build --input 1x3x256x256
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 2 the user's mistake, 130 interrupted."""
    options = _parser().parse_args(arguments)
    _quieten()
    try:
        options.command(options)
    except GancompressError as error:
        print(f"gancompress: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("gancompress: interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
            raise
        place = f"{error.filename}: " if error.filename else ""
        print(f"gancompress: {place}{error.strerror}; nothing was left half-written. Mend that and "
              "start the same command again", file=sys.stderr)  # fmt: skip
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gancompress",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=gancompress.__version__)
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    _stage_verbs(verbs)
    _search_verb(verbs)
    _inspect_verb(verbs)
    _recipe_verb(verbs)
    return parser


def _verb(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    text: str,
    example: str,
    command: Callable[[argparse.Namespace], None],
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(
        name,
        help=text,
        description=text,
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=command)
    return parser


# Verbs that do the stages of a recipe

STAGE_VERBS = {
    "run": ("report", "Do every stage of a recipe; go on where an earlier call stopped."),
    "teach": ("teach", "Train the recipe's teacher."),
    "collect": ("collect", "Record inputs and outputs of the teacher."),
    "distill": ("distill", "Train the supernet, after whatever earlier stages are missing."),
    "export": ("export", "Export the student, after whatever earlier stages are missing."),
    "report": ("report", "Measure teacher and student, after whatever stages are missing."),
}


def _stage_verbs(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    for name, (last, text) in STAGE_VERBS.items():
        example = f"gancompress {name} recipes/quickstart.yaml seed=1"
        parser = _verb(verbs, name, text, example, _do_stages)
        parser.set_defaults(last=last)
        parser.add_argument("recipe", type=Path, help="YAML file; see `gancompress recipe schema`")
        parser.add_argument("overrides", nargs="*", metavar="key.sub=value", help="changes to it")
        parser.add_argument("--run", type=Path, help="run directory (default: the recipe's newest)")
        parser.add_argument("--fresh", action="store_true", help="begin a new run directory")
        _add_root(parser)


def _do_stages(options: argparse.Namespace) -> None:
    from gancompress.workflows import report
    from gancompress.workflows.run import open_run, run_until

    recipe, run = open_run(
        options.recipe, options.overrides, options.run, fresh=options.fresh, root=options.root
    )
    with run.lock():
        print(f"run {run.path}", file=sys.stderr)
        run_until(recipe, run, options.last)
    if run.is_complete("report"):
        print(report.show(run))


# search


def _search_verb(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "Pick the best subnet of a run within a budget; the newest run by default."
    parser = _verb(verbs, "search", text, "gancompress search --mac-budget 2M", _do_search)
    parser.add_argument("run", nargs="?", type=Path, help="run directory")
    parser.add_argument("--mac-budget", default="", help="exact MACs: 4M, 1.2G, or 1/8")
    parser.add_argument("--param-budget", default="", help="parameters: 500K, or 1/8")
    parser.add_argument("--size-budget", default="", help="bytes of the weights: 2MB, or 1/8")
    _add_root(parser)


def _do_search(options: argparse.Namespace) -> None:
    from gancompress.search.budget import Budget
    from gancompress.workflows.run import existing_run, run_until
    from gancompress.workflows.search import choose

    budget = Budget.parse(
        macs=options.mac_budget, params=options.param_budget, size=options.size_budget
    )
    recipe, run = existing_run(options.run, options.root)
    with run.lock():
        run_until(recipe, run, "search")
        chosen = choose(recipe, run, budget)
    print(f"{chosen.subnet}: {chosen.costs['macs']:,.0f} MACs, {chosen.costs['params']:,.0f} "
          f"parameters\nstudent {run.path / 'student.safetensors'}")  # fmt: skip


# inspect


def _inspect_verb(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "Show what of a generator is elastic, what is pinned and why, and what it costs."
    example = "gancompress inspect my_models.py:build --input 1x3x256x256"
    parser = _verb(verbs, "inspect", text, example, _do_inspect)
    parser.add_argument("what", help="built-in name, module:attr, file.py:attr, or a file")
    parser.add_argument("kwargs", nargs="*", metavar="key=value", help="arguments of the factory")
    parser.add_argument(
        "--input", action="append", default=[], help="shape of an input: 1x3x64x64 or z=1x128"
    )
    parser.add_argument("--divisor", type=int, default=8, help="widths are multiples (default: 8)")
    parser.add_argument("--minimum", type=int, default=8, help="smallest width (default: 8)")


def _do_inspect(options: argparse.Namespace) -> None:
    import yaml

    from gancompress.workflows.inspect import inspect

    kwargs = {}
    for text in options.kwargs:
        name, _, value = text.partition("=")
        kwargs[name] = yaml.safe_load(value)
    sizes = {"divisor": options.divisor, "minimum": options.minimum}
    print(inspect(options.what, kwargs, options.input, **sizes))


# recipe


def _recipe_verb(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "Show a recipe with every default filled in, or every key there is."
    parser = _verb(
        verbs, "recipe", text, "gancompress recipe show recipes/quickstart.yaml", _do_recipe
    )
    parser.add_argument("what", choices=["show", "schema"])
    parser.add_argument("recipe", nargs="?", type=Path)
    parser.add_argument("overrides", nargs="*", metavar="key.sub=value")


def _do_recipe(options: argparse.Namespace) -> None:
    from gancompress.errors import RecipeError
    from gancompress.recipe.describe import describe_schema
    from gancompress.recipe.load import load_recipe, recipe_to_yaml

    if options.what == "schema":
        print(describe_schema())
        return
    if options.recipe is None:
        raise RecipeError("recipe show: name the recipe, e.g. recipes/quickstart.yaml")
    print(recipe_to_yaml(load_recipe(options.recipe, options.overrides)), end="")


def _add_root(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--root", type=Path, default=Path("runs"), help="where runs are kept (default: runs)"
    )


def _quieten() -> None:
    """Keep other packages' chatter away from the progress bars."""
    warnings.filterwarnings("ignore", category=UserWarning, module=r"torch\..*")
    warnings.filterwarnings("ignore", category=FutureWarning)
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    for name in ("torch.onnx", "onnxscript", "torch.export", "optuna"):
        logging.getLogger(name).setLevel(logging.ERROR)


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        sys.exit(main())
