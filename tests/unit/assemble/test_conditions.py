"""Scores that were not made alike do not meet in one study."""

from pathlib import Path

import pytest

from gancompress.assemble.scoring import conditions
from gancompress.recipe.load import load_recipe


@pytest.mark.parametrize(
    "override",
    [
        "evaluate.extractor=inception",
        "evaluate.classifier_steps=7",
        "data.resolution=16",
        "seed=3",
        "search.seeds=2",
        "search.evaluators={own: {function: 'a:b'}}",
    ],
)
def test_whatever_changes_a_score_changes_its_conditions(override: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("data: {source: digits}\n")
    assert conditions(load_recipe(path), "s") != conditions(load_recipe(path, [override]), "s")


@pytest.mark.parametrize("override", ["search.mac_budget=1/8", "search.trials=7", "threads=2"])
def test_what_changes_none_leaves_them(override: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("data: {source: digits}\n")
    assert conditions(load_recipe(path), "s") == conditions(load_recipe(path, [override]), "s")
