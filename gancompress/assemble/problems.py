"""Saying on the terminal what was converted or passed over of a set of image files."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from tqdm import tqdm

from gancompress.data.cache import Problem
from gancompress.data.problems import problem_lines


def tell_problems(problems: Sequence[Problem], source: str) -> None:
    """Say it on the terminal, once in a process."""
    for line in problem_lines(problems):
        _say(f"{source}: {line}")


def tell_resized(source: str | Path, own: tuple[int, int], size: tuple[int, int], why: str) -> None:
    """Say that all images of ``source``, of (height, width) ``own``, are brought to ``size``."""
    _say(f"{source}: resized from {own[0]}×{own[1]} to {size[0]}×{size[1]}, {why}")


@cache
def _say(line: str) -> None:
    tqdm.write(line)
