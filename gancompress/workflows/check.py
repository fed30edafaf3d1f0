"""`check`: whether a recipe can be run, told before anything is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gancompress.architecture_search.budget import format_amount
from gancompress.assemble.check import Checked, check
from gancompress.assemble.check.forecast import forecast
from gancompress.assemble.check.network import size
from gancompress.assemble.check.teacher import described
from gancompress.errors import RecipeError
from gancompress.recipe.schema import Recipe
from gancompress.supernet.cost import subnet_cost_range


def check_recipe(recipe: Recipe, where: str, folder: Path, last: str = "report") -> Checked:
    """Check ``recipe`` for the stages up to ``last``.

    Args:
        recipe: as it was read.
        where: the recipe's file, for messages.
        folder: where the run will be.

    Raises:
        RecipeError: listing every mistake.
    """
    checked = check(recipe, folder, last)
    mistakes = checked.findings.mistakes
    if mistakes:
        count = f"{len(mistakes)} mistake{'s' if len(mistakes) > 1 else ''}"
        raise RecipeError("\n".join([f"{where}: {count}", *(f"  {line}" for line in mistakes)]))
    return checked


def account(recipe: Recipe, checked: Checked, *, timed: bool = True) -> dict[str, Any]:
    """What the run will be, as plain data; ``timed``: with seconds of every stage, about."""
    facts: dict[str, Any] = {}
    if checked.real is not None:
        real = checked.real
        facts["real images"] = {
            "count": real.count, "shape": list(real.shape), "classes": len(real.classes)
        }  # fmt: skip
    if checked.teacher is not None:
        facts["teacher"] = described(checked.teacher)
    if checked.supernet is not None:
        space, model = checked.supernet.space, checked.supernet.cost_model
        (_, small), (_, large) = subnet_cost_range(model)
        facts["student"] = {
            "elastic groups": len(space.groups),
            "subnets": space.size,
            "macs": [small.macs, large.macs],
            "params": [small.params, large.params],
        }
    facts["disk bytes"] = checked.disk
    if timed and checked.supernet and checked.student and checked.teacher:
        about = forecast(
            recipe,
            checked.supernet,
            checked.student,
            checked.teacher.network,
            checked.teacher.inputs,
        )
        facts["memory bytes"] = about.memory
        facts["trained in"] = "finetune" if recipe.solves else "distill"
        facts["seconds"] = {"step": about.step, **about.seconds}
        facts["timed on"] = about.measured_on
    facts["remarks"] = checked.findings.remarks
    return facts


def shown(facts: Mapping[str, Any]) -> str:
    """:func:`account` for a person."""
    lines = ["no mistakes found"]
    if real := facts.get("real images"):
        classes = f", {real['classes']} classes" if real["classes"] else ""
        lines.append(f"real images  {real['count']:,} of {size(tuple(real['shape']))}{classes}")
    if "teacher" in facts:
        lines.append(f"teacher      {facts['teacher']}")
    if student := facts.get("student"):
        macs = " to ".join(format_amount(value, "macs") for value in student["macs"])
        params = " to ".join(format_amount(value, "params") for value in student["params"])
        subnets = f"{student['subnets']:,.0f}" if student["subnets"] < 1e9 else (
            f"{float(student['subnets']):.2g}"
        )  # fmt: skip
        lines += [
            f"student      {student['elastic groups']} elastic groups, {subnets} subnets",
            f"             {macs} MACs, {params} parameters",
        ]
    lines.append(
        f"disk         {format_amount(facts['disk bytes'], 'size')} for pairs and checkpoints"
    )
    if "memory bytes" in facts:
        memory = format_amount(facts["memory bytes"], "size")
        lines.append(f"memory       about {memory} for a step of {facts['trained in']}")
    if any(facts.get("seconds", {}).values()):
        step, *stages = facts["seconds"].items()
        told = ", ".join(f"{name} {_duration(seconds)}" for name, seconds in stages)
        lines.append(
            f"time         about {told}; a step {_duration(step[1])} (passes timed on "
            f"{facts['timed on']}; without discriminator, loss terms and reading)"
        )
    return "\n".join([*lines, *facts["remarks"]])


def _duration(seconds: float) -> str:
    for unit, length in (("days", 86400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0)):
        if seconds >= length:
            return f"{seconds / length:.2g} {unit}"
    return f"{seconds * 1e3:.0f} ms"
