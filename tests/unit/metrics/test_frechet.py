import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gancompress.errors import MetricError
from gancompress.metrics.frechet import (
    BLOCK,
    FeatureStatistics,
    StatisticsAccumulator,
    frechet_distance,
    statistics_of,
)


def _features(count: int, dimension: int = 5, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((count, dimension)))


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 40), max_size=6))
def test_batches_of_any_size_give_the_same_statistics(cuts: list[int]) -> None:
    features = _features(40) + 1000.0
    accumulator = StatisticsAccumulator(5)
    for part in torch.tensor_split(features, sorted(cuts)):
        accumulator.add(part)
    assert accumulator.finish().fingerprint == statistics_of(features).fingerprint


def test_blocks_add_up_to_the_whole() -> None:
    features = _features(2 * BLOCK + 7) + 1000.0
    found = statistics_of(features)
    np.testing.assert_allclose(found.mean, features.mean(0).numpy(), rtol=1e-14)
    np.testing.assert_allclose(
        found.covariance, np.cov((features - 1000.0).numpy(), rowvar=False), rtol=1e-8, atol=1e-10
    )


def test_order_does_not_matter() -> None:
    features, other = _features(40), statistics_of(_features(30, seed=1))
    forward = frechet_distance(statistics_of(features), other)
    assert frechet_distance(statistics_of(features.flip(0)), other) == pytest.approx(
        forward, rel=1e-12
    )


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_images_have_no_covariance(count: int) -> None:
    with pytest.raises(MetricError, match="at least two images"):
        statistics_of(_features(count))


def test_nan_features_are_refused() -> None:
    features = _features(4)
    features[2, 1] = torch.nan
    with pytest.raises(MetricError, match="NaN"):
        statistics_of(features)


def test_features_of_another_dimension_are_refused() -> None:
    accumulator = StatisticsAccumulator(4)
    with pytest.raises(MetricError, match=r"expected \(N, 4\)"):
        accumulator.add(_features(3, 5))


def test_statistics_of_two_extractors_are_refused() -> None:
    with pytest.raises(MetricError, match="different extractors"):
        frechet_distance(statistics_of(_features(9, 4)), statistics_of(_features(9, 5)))


@pytest.mark.parametrize(
    ("covariance", "reason"),
    [
        (np.array([[1.0, 0.5], [0.0, 1.0]]), "not symmetric"),
        (np.array([[1.0, 2.0], [2.0, 1.0]]), "negative eigenvalues"),
        (np.array([[-1.0, 0.0], [0.0, 1.0]]), "negative eigenvalues"),
        (np.array([[np.nan, 0.0], [0.0, 1.0]]), "NaN"),
        (np.eye(3), "does not fit"),
    ],
)
def test_what_is_no_covariance_is_refused(covariance: np.ndarray, reason: str) -> None:
    damaged = FeatureStatistics(0, np.zeros(2), covariance)
    sound = FeatureStatistics(0, np.zeros(2), np.eye(2))
    for pair in ((damaged, sound), (sound, damaged)):
        with pytest.raises(MetricError, match=reason):
            frechet_distance(*pair)


def test_the_caller_keeps_its_matrices() -> None:
    first, second = statistics_of(_features(50)), statistics_of(_features(4, seed=1))
    before = first.covariance.copy(), second.covariance.copy()
    frechet_distance(first, second)
    np.testing.assert_array_equal(first.covariance, before[0])
    np.testing.assert_array_equal(second.covariance, before[1])
