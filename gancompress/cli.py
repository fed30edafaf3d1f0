"""The command line: subcommands, one workflow call each."""

import argparse
import contextlib
import errno
import logging
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import gancompress
from gancompress.errors import GancompressError

Verbs: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

DESCRIPTION = """\
Make a generator small: distil it into a supernet, search the supernet for the best subnet within a
budget, prove that the extracted student equals what was searched, export it.

  gancompress run recipes/quickstart.yaml        everything, from data to the exported student
  gancompress search --mac-budget 2M             another student from the newest run
  gancompress inspect my_models.py:build --input 1x3x256x256
"""

# What the system may refuse to write, and the user can mend.
REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 2 the user's mistake, 130 interrupted."""
    parser = _parser()
    options, left = parser.parse_known_args(arguments)
    # argparse takes positional arguments in one block; overrides may also stand after options.
    if any(text.startswith("-") for text in left) or (left and "overrides" not in options):
        parser.error(f"unrecognized arguments: {' '.join(left)}")
    if left:
        options.overrides += left
    _quieten()
    try:
        code: int | None = options.command(options)
    except GancompressError as error:
        print(f"gancompress: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("gancompress: interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    except OSError as error:
        if error.errno not in REFUSALS:
            raise
        place = f"{error.filename}: " if error.filename else ""
        print(f"gancompress: {place}{error.strerror}; nothing was left half-written. Mend that and "
              "start the same command again", file=sys.stderr)  # fmt: skip
        return 2
    return code or 0


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
    _evaluate_verb(verbs)
    _extractor_verb(verbs)
    _pairs_verb(verbs)
    _papers_verb(verbs)
    _recipe_verb(verbs)
    return parser


def _verb(
    verbs: Verbs,
    name: str,
    text: str,
    example: str,
    command: Callable[[argparse.Namespace], int | None],
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
    "finetune": ("finetune", "Train the chosen subnet alone, after whatever stages are missing."),
    "export": ("export", "Export the student, after whatever earlier stages are missing."),
    "report": ("report", "Measure teacher and student, after whatever stages are missing."),
}


def _stage_verbs(verbs: Verbs) -> None:
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


def _search_verb(verbs: Verbs) -> None:
    text = "Pick the best subnet of a run within a budget; the newest run by default."
    parser = _verb(verbs, "search", text, "gancompress search --mac-budget 2M", _do_search)
    parser.add_argument("run", nargs="?", type=Path, help="run directory")
    parser.add_argument("--mac-budget", default="", help="exact MACs: 4M, 1.2G, or 1/8")
    parser.add_argument("--param-budget", default="", help="parameters: 500K, or 1/8")
    parser.add_argument("--size-budget", default="", help="bytes of the weights: 2MB, or 1/8")
    parser.add_argument("--list", action="store_true", help="only list the best subnets found")
    _add_root(parser)


def _do_search(options: argparse.Namespace) -> None:
    from gancompress.search.budget import Budget
    from gancompress.search.front import Front
    from gancompress.workflows.front import list_front
    from gancompress.workflows.run import existing_run, run_until
    from gancompress.workflows.search import choose

    budget = Budget.parse(
        macs=options.mac_budget, params=options.param_budget, size=options.size_budget
    )
    recipe, run = existing_run(options.run, options.root)
    with run.lock():
        run_until(recipe, run, "search")
        if options.list:
            print(list_front(Front.from_csv(run.path / "front.csv")))
            return
        chosen = choose(recipe, run, budget)
    for remark in run.facts("search")["remarks"]:
        print(remark)
    print(f"{chosen.subnet}: {chosen.costs['macs']:,.0f} MACs, {chosen.costs['params']:,.0f} "
          f"parameters\nstudent {run.path / 'student.safetensors'}")  # fmt: skip


# inspect


def _inspect_verb(verbs: Verbs) -> None:
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


# evaluate and train-extractor


def _evaluate_verb(verbs: Verbs) -> None:
    text = "Score a run, a student or teacher file, a folder or a zip against real images."
    example = "gancompress evaluate student.safetensors --against photos.zip --metrics frechet kid"
    parser = _verb(verbs, "evaluate", text, example, _do_evaluate)
    parser.add_argument("what", help="run directory, student or teacher file, folder or zip")
    parser.add_argument(
        "--against", required=True, help="'digits', folder, zip, or .npz statistics"
    )
    parser.add_argument(
        "--extractor", default="inception", help="inception, a classifier file, module:attr, …"
    )
    parser.add_argument("--metrics", nargs="+", default=["frechet", "kid", "manifold"])
    parser.add_argument("--samples", type=int, default=10_000, help="images to generate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--factory", help="of a student whose architecture is not built in")
    parser.add_argument("--inputs", type=Path, help="images that an image-to-image network is fed")
    parser.add_argument("--output", type=Path, help="folder for scores.json and pictures")


def _do_evaluate(options: argparse.Namespace) -> None:
    from gancompress.workflows.evaluate import evaluate

    found = evaluate(
        options.what,
        options.against,
        extractor=options.extractor,
        metrics=options.metrics,
        samples=options.samples,
        seed=options.seed,
        device=options.device,
        factory=options.factory,
        inputs=options.inputs,
        output=options.output,
    )
    print(found.text)


def _extractor_verb(verbs: Verbs) -> None:
    text = "Train a small classifier on labelled images, to measure generators of them with."
    example = "gancompress train-extractor photos/ shapes.safetensors --size 32"
    parser = _verb(verbs, "train-extractor", text, example, _do_extractor)
    parser.add_argument("data", help="'digits', or a folder or zip with one folder a class")
    parser.add_argument("output", type=Path, help="file to write, *.safetensors")
    parser.add_argument("--size", type=int, default=32, help="pixels, 8 to 64 (default: 32)")
    parser.add_argument("--channels", type=int, default=3, choices=[1, 3])
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--held-out", type=float, default=0.2, help="share kept for its accuracy")
    parser.add_argument("--seed", type=int, default=0)


def _do_extractor(options: argparse.Namespace) -> None:
    from gancompress.workflows.train_extractor import train_extractor

    accuracy = train_extractor(
        options.data,
        options.output,
        size=options.size,
        channels=options.channels,
        steps=options.steps,
        held_out=options.held_out,
        seed=options.seed,
    )
    print(f"{options.output}: {accuracy:.1%} of the held-out images recognised")


# pairs


def _pairs_verb(verbs: Verbs) -> None:
    text = "Check, count or picture recorded pairs, or export them as class_K/image_I.png."
    parser = _verb(
        verbs, "pairs", text, "gancompress pairs show runs/quickstart-1/pairs", _do_pairs
    )
    parser.add_argument("action", choices=["verify", "stats", "show", "export"])
    parser.add_argument("store", type=Path, help="folder of the pairs")
    parser.add_argument("output", type=Path, nargs="?", help="picture (show) or folder (export)")


def _do_pairs(options: argparse.Namespace) -> None:
    import json

    from gancompress.data.folder_pairs import export_folder_pairs
    from gancompress.data.inspect_pairs import pair_stats, show_pairs
    from gancompress.data.pairs import PairStore

    store = PairStore(options.store)
    if options.action == "verify":
        store.verify()
        print(f"{options.store}: {len(store)} pairs, every shard as it was recorded")
    elif options.action == "stats":
        print(json.dumps(pair_stats(store), indent=2))
    elif options.action == "show":
        output = options.output or options.store / "pairs.png"
        show_pairs(store, output)
        print(output)
    else:
        output = options.output or options.store.with_name(options.store.name + "-folders")
        export_folder_pairs(store, output)
        print(output)


# verify-papers


def _papers_verb(verbs: Verbs) -> None:
    text = "Build every published network and compare its size with the published figures."
    parser = _verb(verbs, "verify-papers", text, "gancompress verify-papers", _do_papers)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true")
    form.add_argument("--markdown", action="store_true")


def _do_papers(options: argparse.Namespace) -> int:
    from gancompress.workflows.verify_papers import verify_papers

    return 0 if verify_papers(options.json, options.markdown) else 1


# recipe


def _recipe_verb(verbs: Verbs) -> None:
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
