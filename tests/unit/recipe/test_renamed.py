"""Keys that have new names."""

from pathlib import Path

import pytest

from gancompress.errors import RecipeError
from gancompress.recipe.load import load_recipe

TINY = Path(__file__).parents[2] / "workflows" / "tiny.yaml"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("distill.fresh=true", "unpaired"),
        ("distill.discriminator.told=image", "condition"),
        ("teach.look_every=5", "evaluate_every"),
        ("teach.look_samples=5", "evaluation_samples"),
    ],
)
def test_an_old_key_is_refused_with_the_new_one(old: str, new: str) -> None:
    with pytest.raises(RecipeError, match=f"it is called '{new}' now"):
        load_recipe(TINY, [old])
