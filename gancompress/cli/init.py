"""The verb that writes a recipe for a generator."""

import argparse
from pathlib import Path
from typing import Any

from gancompress.cli.verbs import Verbs, add_verb


def init_verb(verbs: Verbs) -> None:
    """Add the verb `init`."""
    text = (
        "Write a recipe for a generator: what it is fed, what it answers, its range, batch and "
        "steps are found by trying; what was assumed is said."
    )
    example = "gancompress init my_models.py:build --weights g.pth --data photos/ --mac-budget 1/8"
    parser = add_verb(verbs, "init", text, example, _do_init)
    parser.add_argument(
        "what", help="built-in name, module:attr, file.py:attr, a file, or a folder of pairs"
    )
    parser.add_argument("kwargs", nargs="*", metavar="key=value", help="arguments of the factory")
    parser.add_argument(
        "--data", default="", help="folder or zip: images that it is fed, or real ones for noise"
    )
    parser.add_argument("--weights", default="", help="state dict of the factory's module")
    parser.add_argument("--mac-budget", default="1/8", help="of the student (default: 1/8)")
    parser.add_argument("--hours", type=float, default=1.0, help="for a run here (default: 1)")
    parser.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="NAME={kind: normal, shape: [128]}",
        help="an input, as in teacher.inputs, where guessing fails",
    )
    parser.add_argument("--student", default="", help="factory (default: the generator's own)")
    parser.add_argument(
        "--distill",
        action="store_true",
        help="train a supernet also where weights can be solved for",
    )
    parser.add_argument("--output", type=Path, help="the recipe (default: NAME.yaml)")


def _do_init(options: argparse.Namespace) -> None:
    from gancompress.workflows.init import Wanted, init

    wanted = Wanted(
        data=options.data,
        weights=options.weights,
        kwargs=_values(options.kwargs, "key=value"),
        inputs=_values(options.input, "--input NAME={kind: normal, shape: [128]}") or None,
        student=options.student,
        budget=options.mac_budget,
        hours=options.hours,
        distill=options.distill,
    )
    path, told = init(options.what, wanted, options.output)
    print(f"{path}: assumed, to be checked:")
    for line in told:
        print(f"  {line}")
    print(f"next: gancompress check {path}, then gancompress run {path}")


def _values(texts: list[str], form: str) -> dict[str, Any]:
    import yaml

    from gancompress.errors import RecipeError

    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        try:
            found[name] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise RecipeError(f"{text}: not valid YAML; write {form}") from error
        if not equals or not name:
            raise RecipeError(f"{text}: write {form}")
    return found
