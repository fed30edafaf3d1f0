"""What a recipe's teacher is fed."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torchvision.utils import save_image

from gancompress.assemble.teacher_data import open_teacher_data
from gancompress.batch import Input
from gancompress.data.options import CollectOptions
from gancompress.errors import RecipeError
from gancompress.recipe.sources import TeacherDataOptions

INPUTS = {"image": Input("image", (3, 16, 16))}


@pytest.fixture
def pictures(tmp_path: Path) -> str:
    """Six ramps of 24² pixels: every pixel tells where it is."""
    ramp = torch.arange(24 * 24).reshape(1, 24, 24) / 600
    for number in range(6):
        save_image((ramp + number / 100).expand(3, -1, -1), tmp_path / f"{number}.png")
    return str(tmp_path)


def test_training_inputs_are_random_crops_and_held_out_ones_the_middle(pictures: str) -> None:
    keys = TeacherDataOptions(source=pictures, load_size=24, crops=3)
    whole = open_teacher_data(
        TeacherDataOptions(source=pictures, load_size=24), larger(), counts(), 0
    )
    rows = open_teacher_data(keys, INPUTS, counts(), 0)
    assert rows is not None
    assert whole is not None
    assert (rows.training, rows.kept) == (12, 2)
    assert rows[0]["image"].shape == (3, 16, 16)
    assert len({tuple(rows[i]["image"].flatten().tolist()) for i in range(12)}) > 8
    middle = rows[12]["image"]
    assert any(torch.equal(middle, whole[i]["image"][:, 4:20, 4:20]) for i in range(len(whole)))


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        (TeacherDataOptions(crops=2), "give a larger load_size"),
        (TeacherDataOptions(load_size=12), "less than the 16 pixels"),
    ],
)
def test_crops_that_are_none_are_refused(
    keys: TeacherDataOptions, told: str, pictures: str
) -> None:
    with pytest.raises(RecipeError, match=told):
        open_teacher_data(replace(keys, source=pictures), INPUTS, counts(), 0)


def larger() -> dict[str, Input]:
    """Inputs that are not cropped."""
    return {"image": Input("image", (3, 24, 24))}


def counts() -> CollectOptions:
    """Of training and held-out samples."""
    return CollectOptions(count=12, held_out=2)
