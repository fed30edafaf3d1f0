"""Recipes and overrides that were written to harm, or by accident."""

import random
from pathlib import Path

import yaml

from gancompress.recipe.load import load_recipe, recipe_to_dict, recipe_to_yaml
from gancompress.recipe.schema import Recipe
from tests.robustness.outcome import COUNT, altered, mutated, outcome

RECIPE = recipe_to_yaml(Recipe())


def keys(value: object, prefix: str = "") -> list[str]:
    if not isinstance(value, dict):
        return [prefix]
    return [
        name for key, item in value.items() for name in keys(item, f"{prefix}.{key}".strip("."))
    ]


def test_recipes_of_damaged_text(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    for seed in range(COUNT * 2):
        path.write_bytes(mutated(RECIPE.encode(), random.Random(seed)))
        outcome(lambda: load_recipe(path))


def test_recipes_of_odd_values(tmp_path: Path) -> None:
    path, whole = tmp_path / "recipe.yaml", recipe_to_dict(Recipe())
    for seed in range(COUNT * 2):
        path.write_text(yaml.safe_dump(altered(whole, random.Random(seed))))
        outcome(lambda: recipe_to_yaml(load_recipe(path)))


def test_odd_overrides(tmp_path: Path) -> None:
    path, names = tmp_path / "recipe.yaml", keys(recipe_to_dict(Recipe()))
    path.write_text("data: {source: digits}\n")
    odd = [
        "", "[", "{", "!!int x", "&a [*a]", ".nan", "-1", "1e999", "9" * 5000, "null", "[[]]",
        "{a: {a: {a: 1}}}", "'", "\x00", "2020-99-99", "!!python/name:os.system ''", "true",
    ]  # fmt: skip
    rng = random.Random(0)
    for _ in range(COUNT * 4):
        override = f"{rng.choice(names)}={rng.choice(odd)}"
        if rng.random() < 0.1:
            override = override.replace(".", rng.choice(["..", "", "=", "\n"]))
        outcome(lambda: load_recipe(path, [override]))  # noqa: B023
