"""The command line: subcommands, one workflow call each."""

import argparse
import errno
import io
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

import gancompress
from gancompress.cli.check import check_verb
from gancompress.cli.device import device_verb
from gancompress.cli.init import init_verb
from gancompress.cli.look import (
    card_verb,
    compare_verb,
    inspect_verb,
    pairs_verb,
    papers_verb,
    recipe_verb,
    sample_verb,
)
from gancompress.cli.make import apply_verb, demo_verb, generate_verb, shrink_verb
from gancompress.cli.measure import evaluate_verb, extractor_verb, quantise_verb
from gancompress.cli.runs import runs_verb
from gancompress.cli.stages import search_verb, stage_verbs
from gancompress.errors import GancompressError, Terminated

DESCRIPTION = """\
Make a generator small: distil it into a supernet, search the supernet for the best subnet within a
budget, prove that the extracted student equals what was searched, export it.

  gancompress run recipes/quickstart.yaml        everything, from data to the exported student
  gancompress shrink net_G.pth --data photos/    a student of a trained generator, in minutes
  gancompress search --mac-budget 2M             another student from the newest run
  gancompress inspect my_models.py:build --input 1x3x256x256
"""

# What the system may refuse to write, and the user can mend.
REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 2 the user's mistake, 130 interrupted,
    143 terminated, 141 nobody reads the output."""
    parser = command_parser()
    options, left = parser.parse_known_args(arguments)
    # argparse takes positional arguments in one block; overrides may also stand after options.
    if any(text.startswith("-") for text in left) or (left and "overrides" not in options):
        parser.error(f"unrecognized arguments: {' '.join(left)}")
    if left:
        options.overrides += left
    _quieten()
    try:
        with _terminable():
            code: int | None = options.command(options)
            sys.stdout.flush()
    except GancompressError as error:
        print(f"gancompress: {error}", file=sys.stderr)
        return error.exit_code
    except Terminated:
        print("gancompress: terminated; the same command goes on from here", file=sys.stderr)
        return 143
    except KeyboardInterrupt:
        print("gancompress: interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read the output wants no more; Python would say so once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        return _refused(error)
    return code or 0


def _refused(error: OSError) -> int:
    """Tell what the system refused; a fault of the program is raised again."""
    if error.errno in REFUSALS:
        place = f"{error.filename}: " if error.filename else ""
        print(f"gancompress: {place}{error.strerror}; nothing was left half-written. Mend that and "
              "start the same command again", file=sys.stderr)  # fmt: skip
    elif error.filename and error.strerror:
        other = f" → {error.filename2}" if error.filename2 else ""
        print(f"gancompress: {error.filename}{other}: {error.strerror}; give another path",
              file=sys.stderr)  # fmt: skip
    else:
        raise error
    return 2


@contextmanager
def _terminable() -> Iterator[None]:
    """A request to end (SIGTERM) ends as Ctrl-C does; what cannot be printed is replaced."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")

    def end(number: int, frame: FrameType | None) -> None:
        raise Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def command_parser() -> argparse.ArgumentParser:
    """The command line, verb by verb."""
    parser = argparse.ArgumentParser(
        prog="gancompress",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=gancompress.__version__)
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    stage_verbs(verbs)
    search_verb(verbs)
    device_verb(verbs)
    init_verb(verbs)
    runs_verb(verbs)
    check_verb(verbs)
    inspect_verb(verbs)
    sample_verb(verbs)
    shrink_verb(verbs)
    apply_verb(verbs)
    generate_verb(verbs)
    demo_verb(verbs)
    compare_verb(verbs)
    card_verb(verbs)
    evaluate_verb(verbs)
    extractor_verb(verbs)
    quantise_verb(verbs)
    pairs_verb(verbs)
    papers_verb(verbs)
    recipe_verb(verbs)
    return parser


def _quieten() -> None:
    """Keep other packages' chatter away from the progress bars."""
    warnings.filterwarnings("ignore", category=UserWarning, module=r"torch\..*")
    warnings.filterwarnings("ignore", category=FutureWarning)
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    for name in ("torch.onnx", "onnxscript", "torch.export", "optuna"):
        logging.getLogger(name).setLevel(logging.ERROR)
