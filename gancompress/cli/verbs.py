"""How a verb is put on the command line."""

import argparse
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from gancompress.errors import RecipeError

if TYPE_CHECKING:
    from gancompress.assemble.open_generator import GeneratorFile

Verbs: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_verb(
    verbs: Verbs,
    name: str,
    text: str,
    example: str,
    command: Callable[[argparse.Namespace], int | None],
) -> argparse.ArgumentParser:
    """Add a verb whose help shows an example; ``command`` may return an exit code."""
    parser = verbs.add_parser(
        name,
        help=text,
        description=text,
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=command)
    return parser


def whole(low: int, high: int = 2**31 - 1) -> Callable[[str], int]:
    """The type of an argument that is a whole number from ``low`` to ``high``."""

    def parsed(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = None
        if value is None or not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text!r}: a whole number from {low} to {high}")
        return value

    return parsed


def real(low: float, high: float) -> Callable[[str], float]:
    """The type of an argument that is a number from ``low`` to ``high``."""

    def parsed(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text!r}: a number from {low:g} to {high:g}")
        return value

    return parsed


def add_root(parser: argparse.ArgumentParser) -> None:
    """The folder that runs are kept in."""
    parser.add_argument(
        "--root", type=Path, default=Path("runs"), help="where runs are kept (default: runs)"
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """For programs that read what a verb tells."""
    parser.add_argument("--json", action="store_true", help="tell it as JSON")


def add_generator(parser: argparse.ArgumentParser) -> None:
    """What a file that holds a generator does not say of it by itself."""
    parser.add_argument("--family", help="of a teacher file that does not show it")
    parser.add_argument(
        "--factory", help="of a student that is not built in, or of the module of own weights"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="key=value",
        help="a setting of a teacher file (part=a2b), or an argument of the factory",
    )


def generator_of(options: argparse.Namespace, inputs: str | None = None) -> "GeneratorFile":
    """What :func:`add_generator` and the argument ``what`` name."""
    from gancompress.assemble.open_generator import GeneratorFile

    return GeneratorFile(
        options.what,
        family=options.family,
        factory=options.factory,
        settings=read_settings(options.set),
        inputs=inputs,
    )


def read_settings(texts: Sequence[str]) -> dict[str, Any]:
    """``key=value`` texts by key, the values as YAML reads them.

    Raises:
        RecipeError: a text without ``=``, or a value that YAML does not read.
    """
    from gancompress.recipe.yaml import read_yaml

    found: dict[str, Any] = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise RecipeError(f"{text}: write key=value")
        found[name] = read_yaml(value, text[:80])
    return found
