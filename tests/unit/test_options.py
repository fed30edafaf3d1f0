"""Every number has a range, checked in one place for recipes, overrides and library calls."""

import dataclasses
import math
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from gancompress.errors import OptionError, RecipeError
from gancompress.options import check_ranges, out_of_range
from gancompress.recipe.load import load_recipe
from gancompress.recipe.schema import Recipe

RECIPE = "data: {source: digits}\n"


def numbers(section: Any, prefix: str = "") -> list[str]:
    """The keys of a recipe that hold one number."""
    found, hints = [], get_type_hints(section)
    for field in dataclasses.fields(section):
        kind, name = hints[field.name], prefix + field.name
        if dataclasses.is_dataclass(kind):
            found += numbers(kind, f"{name}.")
        elif kind in (int, float) or any(one in (int, float) for one in get_args(kind)):
            found.append(name)
    return found


@pytest.mark.parametrize("value", [".nan", ".inf", "-.inf", "1e999", "9" * 400, "-" + "9" * 30])
@pytest.mark.parametrize("name", numbers(Recipe))
def test_no_key_takes_a_number_that_is_none(name: str, value: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE)
    for text in (value, f"[{value}, {value}]"):
        with pytest.raises(RecipeError, match=name):
            load_recipe(path, [f"{name}={text}"])


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("distill.ema=1.0", "distill.ema: 1.0 is not below 1"),
        ("teach.ema=1.0", "teach.ema: 1.0 is not below 1"),
        ("seed=18446744073709551616", "seed: 18446744073709551616 is above 4294967295"),
        ("threads=1000000", "threads: 1000000 is above 1024"),
        ("distill.terms={l1: {weight: -1}}", r"distill.terms.l1.weight: -1.0 is below 0"),
        ("distill.betas=[0.5, 1.0]", "distill.betas: 1.0 is not below 1"),
        ("collect.class_shares=[0.5, -0.5]", "collect.class_shares: -0.5 is below 0"),
        ("student.kwargs={width: [1, .nan]}", "student.kwargs: nan is no finite number"),
        ("teacher.remote.rate=0", "teacher.remote.rate: 0.0 is not above 0"),
        ("data.resolution=[32, 100000]", "data.resolution: 100000 is above 16384"),
    ],
)
def test_what_is_out_of_range_is_named(override: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE)
    with pytest.raises(RecipeError, match=problem):
        load_recipe(path, [override])


def test_options_made_in_python_are_checked_alike() -> None:
    distill = Recipe().distill
    with pytest.raises(OptionError, match=r"distill\.ema: nan is no finite number"):
        check_ranges(dataclasses.replace(distill, ema=math.nan), "distill")
    terms = {"l1": dataclasses.replace(distill.terms["l1"], weight=-1.0)}
    with pytest.raises(OptionError, match=r"distill\.terms\.l1\.weight: -1\.0 is below 0"):
        check_ranges(dataclasses.replace(distill, terms=terms), "distill")
    (field,) = (f for f in dataclasses.fields(distill) if f.name == "steps")
    assert out_of_range(field, 1) == ""
