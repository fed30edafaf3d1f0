"""Recipes that come with the package."""

from pathlib import Path

import pytest

from gancompress.errors import RecipeError
from gancompress.recipe.load import load_recipe
from gancompress.recipe.shipped import copy_recipe, shipped_recipes

NAMES = [path.stem for path in (Path(__file__).parents[3] / "recipes").glob("*.yaml")]


def test_every_recipe_is_listed_with_what_it_is_for():
    listed = shipped_recipes()
    assert sorted(listed) == sorted(NAMES)
    assert all(len(purpose) > 20 for purpose in listed.values())


@pytest.mark.parametrize("name", NAMES)
def test_copied_recipe_is_read_as_the_original(name: str, tmp_path: Path):
    written = copy_recipe(name, tmp_path)
    original = Path(__file__).parents[3] / "recipes" / f"{name}.yaml"
    assert load_recipe(written[0]) == load_recipe(original)


def test_example_that_a_recipe_names_is_copied_along(tmp_path: Path):
    copy_recipe("style", tmp_path)
    assert (tmp_path / "examples" / "style_wave.py").is_file()


def test_changed_copy_is_not_overwritten(tmp_path: Path):
    (first,) = copy_recipe("quickstart", tmp_path)
    copy_recipe("quickstart", tmp_path)
    first.write_text("name: mine\n")
    with pytest.raises(RecipeError, match="is there and differs"):
        copy_recipe("quickstart", tmp_path)
    assert first.read_text() == "name: mine\n"


def test_unknown_recipe_lists_those_there_are(tmp_path: Path):
    with pytest.raises(RecipeError, match=r"there are .*quickstart"):
        copy_recipe("quickstrat", tmp_path)
