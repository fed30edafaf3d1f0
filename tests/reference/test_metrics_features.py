"""KID, inception score and manifolds against torch-fidelity and plain float64 formulas."""

import numpy as np
import pytest
import torch
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kernel_poly, mmd2
from torch_fidelity.metric_prc import calculate_precision_recall_full

from gancompress.metrics.inception_score import inception_score
from gancompress.metrics.kid import kernel_distance, squared_mmd
from gancompress.metrics.precision_recall import manifold


def _sets(ours: int = 300, theirs: int = 300) -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    fake = torch.randn(ours, 24, generator=rng) * 0.8 + 0.3
    return fake, torch.randn(theirs, 24, generator=rng)


def test_kid_equals_torch_fidelity_on_a_whole_block() -> None:
    fake, real = _sets()
    kernel = {"kid_kernel_poly_degree": 3, "kid_kernel_poly_gamma": None}
    kernel["kid_kernel_poly_coef0"] = 1
    x, y = fake.double().numpy(), real.double().numpy()
    theirs = mmd2(
        kernel_poly(x, x, **kernel), kernel_poly(x, y, **kernel), kernel_poly(y, y, **kernel)
    )
    found = kernel_distance(fake, real, block=300)
    assert found.value == pytest.approx(theirs, rel=1e-12)
    assert found.blocks == 1


def test_kid_of_unequal_sets_equals_the_double_sums() -> None:
    fake, real = (x.double().numpy() for x in _sets(7, 5))

    def k(a: np.ndarray, b: np.ndarray) -> float:
        return float((a @ b / 24 + 1) ** 3)

    def within(x: np.ndarray) -> float:
        pairs = [k(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j]
        return float(np.mean(pairs))

    across = np.mean([k(a, b) for a in fake for b in real])
    expected = within(fake) + within(real) - 2 * across
    ours = squared_mmd(torch.from_numpy(fake), torch.from_numpy(real))
    assert ours == pytest.approx(expected, rel=1e-12)


def test_kid_has_no_bias_and_an_honest_standard_error() -> None:
    rng = torch.Generator().manual_seed(1)
    found = [
        kernel_distance(
            torch.randn(400, 8, generator=rng), torch.randn(400, 8, generator=rng), block=50
        )
        for _ in range(40)
    ]
    values = np.array([one.value for one in found])
    stated = float(np.mean([one.standard_error or 0.0 for one in found]))
    assert abs(values.mean()) < 3 * stated / 40**0.5
    assert stated == pytest.approx(values.std(), rel=0.3)


def test_inception_score_equals_torch_fidelity() -> None:
    logits = torch.randn(1003, 10, generator=torch.Generator().manual_seed(0)) * 4
    theirs = isc_features_to_metric(logits, splits=1, shuffle=False)
    ours = inception_score(logits, splits=1)
    assert ours.value == pytest.approx(theirs["inception_score_mean"], rel=1e-12)
    assert ours.deviation == 0.0


def test_inception_score_of_splits_is_their_mean_and_deviation() -> None:
    logits = torch.randn(400, 10, generator=torch.Generator().manual_seed(0)) * 4
    order = np.random.default_rng(5).permutation(400)
    parts = [
        isc_features_to_metric(logits[order[start : start + 100]], splits=1, shuffle=False)[
            "inception_score_mean"
        ]
        for start in range(0, 400, 100)
    ]
    found = inception_score(logits, splits=4, seed=5)
    assert found.value == pytest.approx(np.mean(parts), rel=1e-12)
    assert found.deviation == pytest.approx(np.std(parts), rel=1e-12)


def test_inception_score_reaches_its_bounds() -> None:
    certain = torch.eye(10).repeat(10, 1) * 1000
    assert inception_score(certain, splits=1).value == pytest.approx(10.0, rel=1e-12)
    assert inception_score(torch.zeros(50, 10), splits=5).value == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("neighbours", [1, 3, 5])
@pytest.mark.parametrize("chunk", [7, 64, 1000])
def test_precision_and_recall_equal_torch_fidelity(neighbours: int, chunk: int) -> None:
    fake, real = _sets(120, 150)
    precision, recall = calculate_precision_recall_full(fake.double(), real.double(), neighbours)
    found = manifold(fake, real, neighbours=neighbours, chunk=chunk)
    assert found.precision == pytest.approx(precision, abs=1e-6)
    assert found.recall == pytest.approx(recall, abs=1e-6)


def test_density_and_coverage_equal_their_definition() -> None:
    fake, real = (x.double() for x in _sets(60, 80))
    k = 5
    between = torch.cdist(real, real)
    radius = between.sort(1).values[:, k]
    inside = torch.cdist(real, fake) <= radius[:, None]
    found = manifold(fake, real, neighbours=k, chunk=13)
    assert found.density == pytest.approx(float(inside.double().sum() / (k * 60)), rel=1e-12)
    assert found.coverage == pytest.approx(float(inside.any(1).double().mean()), rel=1e-12)


def test_a_set_lies_on_its_own_manifold() -> None:
    _, real = _sets()
    found = manifold(real, real)
    assert (found.precision, found.recall, found.coverage) == (1.0, 1.0, 1.0)
