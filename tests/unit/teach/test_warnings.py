"""FindWarnings on what goes wrong while a generator is taught, and none where nothing does."""

import pytest

from gancompress.teach.warnings import find_warnings, translation_warnings

FINE = {"d": 1.2, "g": 1.1, "logit.real": 0.9, "logit.fake": -0.8, "sure": 0.6}
LOOK = {"frechet": 3.0, "diversity": 0.9, "class_diversity": {"3": 0.8, "7": 0.6}}


def test_a_teaching_that_goes_well_is_not_remarked_on() -> None:
    assert find_warnings(FINE, loss="bce") == {}
    assert find_warnings(LOOK, loss="bce") == {}


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({**FINE, "d": 0.001}, "tells every image apart"),
        ({**FINE, "g": 12.0}, "the generator's loss runs away"),
        ({**FINE, "logit.real": 90.0, "logit.fake": 88.0}, "logits drift: 90 on real, 88 on"),
        (
            {**LOOK, "class_diversity": {"3": 0.8, "7": 0.1}},
            "class 7 collapses: its images vary 10%",
        ),
        ({"frechet": 3.0, "diversity": 0.1}, "the generator collapses"),
    ],
)
def test_what_looks_wrong_is_named_with_what_helps(wrong: dict[str, object], expected: str) -> None:
    (text,) = find_warnings(wrong, loss="bce").values()
    assert expected in text
    assert "teach." in text


def test_a_critic_far_from_zero_with_a_wide_gap_does_not_drift() -> None:
    values = {**FINE, "d": -60.0, "g": 40.0, "logit.real": 80.0, "logit.fake": 20.0}
    assert find_warnings(values, loss="wasserstein") == {}


@pytest.mark.parametrize("name", ["d", "d_a", "d_b"])
def test_either_discriminator_between_images_may_be_too_strong(name: str) -> None:
    assert "tells every image apart" in translation_warnings({name: 0.01}, loss="bce")["saturated"]
    assert not translation_warnings({name: 0.5, "cycle": 0.0}, loss="bce")
