"""How every benchmark starts, from the project's root: ``python -m benchmarks.NAME [--quick]``."""

import argparse
import atexit
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

QUICK = "small sizes, to see that it runs; what it gives means nothing and is not kept"


def parser_of(description: str | None) -> argparse.ArgumentParser:
    """A parser whose help is a benchmark's docstring, with ``--quick``."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help=QUICK)
    return parser


def arguments_of(parser: argparse.ArgumentParser, **quick: Any) -> argparse.Namespace:
    """What the command line says; ``quick`` are the defaults of options under ``--quick``."""
    if is_quick():
        parser.set_defaults(**quick)
    return parser.parse_args()


def is_quick() -> bool:
    """Whether this is only to see that the benchmark runs."""
    return "--quick" in sys.argv[1:]


def folder(name: str) -> Path:
    """The folder ``benchmarks/<name>`` for what is kept; a temporary one under ``--quick``."""
    return _temporary(name) if is_quick() else HERE / name


@cache
def _temporary(name: str) -> Path:
    made = Path(tempfile.mkdtemp(prefix=f"benchmark-{name}-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made
