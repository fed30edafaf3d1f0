"""How a verb is put on the command line."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

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


def add_root(parser: argparse.ArgumentParser) -> None:
    """The folder that runs are kept in."""
    parser.add_argument(
        "--root", type=Path, default=Path("runs"), help="where runs are kept (default: runs)"
    )
