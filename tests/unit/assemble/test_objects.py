"""What a recipe says of the classes that are drawn."""

import pytest

from gancompress.api.inputs import with_shares
from gancompress.batch import Input
from gancompress.errors import RecipeError

INPUTS = {"z": Input("normal", (4,)), "c": Input("one_hot", (3,))}


def test_class_shares_go_to_the_input_that_says_the_class() -> None:
    assert with_shares(INPUTS, ()) == INPUTS
    found = with_shares(INPUTS, (0.5, 0.25, 0.25))
    assert found["c"].shares == (0.5, 0.25, 0.25)
    assert found["z"] == INPUTS["z"]


@pytest.mark.parametrize("names", [("z", "c"), ("z",)])
def test_shares_of_other_classes_are_refused(names: tuple[str, ...]) -> None:
    inputs = {name: INPUTS[name] for name in names}
    with pytest.raises(RecipeError, match=r"collect\.class_shares: 2 numbers; the teacher has"):
        with_shares(inputs, (0.5, 0.5))
