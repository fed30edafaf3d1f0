"""FindWarnings: each on what it is about, and none on a training that goes well."""

import pytest
import torch

from gancompress.distillation.warnings import find_warnings, gradient_norms, spread

FINE = {
    "d": 1.7,
    "l1.largest": 0.1,
    "spread.largest": 0.9,
    "spread.smallest": 0.6,
    "gradient_share.l1": 0.7,
    "gradient_share.adversarial": 0.3,
}


def test_a_training_that_goes_well_has_no_warnings() -> None:
    assert find_warnings(FINE, adversarial="hinge") == {}


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"d": 0.001}, "tells every image apart"),
        ({"spread.smallest": 0.02}, "the smallest subnet gives nearly the same"),
        ({"spread.largest": 0.02}, "the largest subnet gives nearly the same"),
        (
            {"gradient_share.l1": 0.999, "gradient_share.adversarial": 0.001},
            "l1 has 99.9% of the gradient at the output",
        ),
    ],
)
def test_what_looks_wrong_is_named(wrong: dict[str, float], expected: str) -> None:
    (text,) = find_warnings({**FINE, **wrong}, adversarial="hinge").values()
    assert expected in text


def test_a_wasserstein_loss_near_zero_is_no_saturation() -> None:
    assert find_warnings({**FINE, "d": -3.0}, adversarial="wasserstein") == {}


def test_spread_is_one_for_equal_outputs_and_zero_for_the_mean() -> None:
    teacher = torch.randn(8, 3, 4, 4)
    assert float(spread(teacher, teacher)) == pytest.approx(1.0)
    assert float(spread(teacher.mean(0, keepdim=True).expand_as(teacher), teacher)) < 1e-6
    assert float(spread(teacher[:1], teacher[:1])) == 1.0


def test_gradient_norms_are_shares_of_the_gradients_at_the_output() -> None:
    output = torch.zeros(4, requires_grad=True)
    elsewhere = torch.zeros(4, requires_grad=True)
    weighted = {"a": 3.0 * output.sum(), "b": 1.0 * output.sum(), "c": elsewhere.sum()}
    found = {name: float(value) for name, value in gradient_norms(weighted, output).items()}
    assert found == pytest.approx({"gradient_share.a": 0.75, "gradient_share.b": 0.25})
