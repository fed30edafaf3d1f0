"""`shrink`: a small generator of a trained one in minutes, without a recipe."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gancompress.api.shrink import ShrinkOptions, Shrunk
from gancompress.api.shrink import shrink as shrink_teacher
from gancompress.api.teacher import Teacher, load_teacher
from gancompress.errors import RecipeError
from gancompress.generators.build import BUILT_IN, build
from gancompress.report.table import Table, format_count
from gancompress.student.file import Architecture
from gancompress.teachers.hub import is_hub
from gancompress.teachers.own_weights import weights_for


def shrink(
    what: str,
    kwargs: Mapping[str, Any],
    *,
    weights: Path | None,
    data: Path | None,
    mac_budget: str,
    run: Path,
    options: ShrinkOptions,
) -> str:
    """Shrink the generator ``what`` and say what came of it; tells of each step as it is done.

    Args:
        what: a factory (built-in, ``module:attr``, ``file.py:attr``), or a teacher or student file.
        kwargs: arguments of the factory, or settings of the file.
        weights: of the factory's module, where the factory does not load them itself.
        data: folder or zip of images that the generator is fed.
        mac_budget: MACs of one sample, or a share of the teacher's.
        run: folder for what is made.
        options: see :class:`~gancompress.api.shrink.ShrinkOptions`.
    """
    teacher = _teacher(what, kwargs, weights)
    made = shrink_teacher(
        teacher, data, mac_budget=mac_budget, run=run, options=options, tell=_tell
    )
    return _account(made)


def _teacher(what: str, kwargs: Mapping[str, Any], weights: Path | None) -> Teacher:
    if is_hub(what) or (":" not in what and what not in BUILT_IN):
        if weights is not None:
            raise RecipeError(f"--weights {weights}: {what} is a file, which has its own; leave it")
        return load_teacher(what, **kwargs)
    module = build(what, **kwargs)
    if weights is not None:
        module.load_state_dict(weights_for(module, weights, what))
    return Teacher(module, architecture=Architecture(what, dict(kwargs)))


def _tell(line: str) -> None:
    print(line, flush=True)


def _account(made: Shrunk) -> str:
    """Costs of both, and the distances on inputs that nothing else was done with."""
    report = made.report
    rows = [
        [name, format_count(int(report[name]["macs"])), format_count(int(report[name]["params"]))]
        for name in ("teacher", "student")
    ]
    factor = report["teacher"]["macs"] / report["student"]["macs"]
    distances = ", ".join(f"{name} {value:.4f}" for name, value in report["l1"].items())
    table = Table(["", "MACs", "parameters"], rows).text()
    return (
        f"\n{table}\n\n{factor:.1f} times fewer MACs. L1 to the teacher on inputs not used "
        f"before, images in [-1, 1]: {distances}."
    )
