"""Passwords and keys are refused before any file holds them, and are not repeated."""

from pathlib import Path

import pytest

from gancompress.errors import RecipeError
from gancompress.recipe.load import load_recipe


@pytest.mark.parametrize(
    "override",
    [
        "search.storage=postgresql://me:hunter2@host/db",
        "search.storage=postgresql://host/db?user=me&password=hunter2",
        "teacher.remote.url=https://me:hunter2@host/paint",
        "teacher.remote.url=https://host/paint?api_key=hunter2",
        "teacher.remote.url=https://host/paint?x-api-key=hunter2",
        "teacher.remote.url=https://host/paint?a=1&X-Amz-Signature=hunter2",
    ],
)
def test_a_secret_in_a_recipe_is_refused(override: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("data: {source: digits}\n")
    with pytest.raises(RecipeError, match=override.partition("=")[0]) as caught:
        load_recipe(path, [override])
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "override",
    [
        "search.storage=postgresql://me@host/db",
        "search.storage=sqlite:///trials.db",
        "teacher.remote.url=http://127.0.0.1:8000/paint?size=3",
    ],
)
def test_addresses_without_one_are_taken(override: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("data: {source: digits}\n")
    load_recipe(path, [override])
