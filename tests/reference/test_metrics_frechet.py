"""Fréchet distance against pytorch-fid, arbitrary precision, and closed forms."""

import warnings

import mpmath
import numpy as np
import pytest
import torch
from pytorch_fid.fid_score import calculate_frechet_distance

from gancompress.metrics.frechet import FeatureStatistics, frechet_distance, statistics_of
from gancompress.metrics.statistics_file import load_statistics, save_statistics


def _features(count: int, dimension: int, seed: int, scale: float = 1.0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).standard_normal((dimension, dimension)) / dimension**0.5
    mixing *= np.exp(-np.arange(dimension) / (dimension / 4))
    values = rng.standard_normal((count, dimension)) @ mixing.T * scale
    return torch.from_numpy(values + 0.1 * rng.standard_normal((count, dimension)) + 0.1 * scale)


def _pytorch_fid(a: FeatureStatistics, b: FeatureStatistics) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(calculate_frechet_distance(a.mean, a.covariance, b.mean, b.covariance))


@pytest.mark.parametrize("dimension", [2, 64, 192])
def test_equals_pytorch_fid_on_random_statistics(dimension: int) -> None:
    a = statistics_of(_features(2000, dimension, 0))
    b = statistics_of(_features(3000, dimension, 1, scale=1.3))
    assert frechet_distance(a, b) == pytest.approx(_pytorch_fid(a, b), rel=1e-6)


@pytest.mark.parametrize(("ours", "theirs"), [(50, 400), (400, 50), (50, 60), (2, 3)])
def test_equals_pytorch_fid_on_rank_deficient_statistics(ours: int, theirs: int) -> None:
    a = statistics_of(_features(ours, 128, 0))
    b = statistics_of(_features(theirs, 128, 1, scale=1.3))
    assert frechet_distance(a, b) == pytest.approx(_pytorch_fid(a, b), rel=1e-6)


def test_is_symmetric_whichever_side_is_rank_deficient() -> None:
    a, b = statistics_of(_features(50, 128, 0)), statistics_of(_features(400, 128, 1))
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-12)


def test_does_not_need_to_know_that_statistics_are_rank_deficient() -> None:
    a, b = statistics_of(_features(50, 128, 0)), statistics_of(_features(400, 128, 1))
    unknown = FeatureStatistics(0, a.mean, a.covariance)
    assert frechet_distance(unknown, b) == pytest.approx(frechet_distance(a, b), rel=1e-9)


@pytest.mark.parametrize("count", [4, 40])
def test_equals_fifty_digits_on_small_statistics(count: int) -> None:
    a = statistics_of(_features(count, 6, 0))
    b = statistics_of(_features(count, 6, 1, scale=1.3))
    with mpmath.workdps(50):
        first, second = mpmath.matrix(a.covariance), mpmath.matrix(b.covariance)
        # Eigenvalues of the product that are zero but for rounding would not survive the root.
        values, _ = mpmath.eig(first * second)
        roots = mpmath.fsum(mpmath.sqrt(mpmath.fabs(value)) for value in values)
        gap = mpmath.fsum((mpmath.mpf(x) - y) ** 2 for x, y in zip(a.mean, b.mean, strict=True))
        spread = mpmath.fsum([first[i, i] + second[i, i] for i in range(6)])
        exact = float(gap + spread - 2 * roots)
    # Covariances of too few samples hold rounding of their own, which mpmath takes at its word.
    assert frechet_distance(a, b) == pytest.approx(exact, rel=1e-12 if count > 6 else 1e-6)


def test_equals_the_closed_form_of_commuting_covariances() -> None:
    rng = np.random.default_rng(0)
    basis, _ = np.linalg.qr(rng.standard_normal((40, 40)))
    first, second = rng.uniform(0, 3, 40), rng.uniform(0, 3, 40)
    shift = rng.standard_normal(40)
    a = FeatureStatistics(0, np.zeros(40), _symmetric(basis, first))
    b = FeatureStatistics(0, shift, _symmetric(basis, second))
    expected = (shift**2).sum() + ((first**0.5 - second**0.5) ** 2).sum()
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-12)


def test_equals_the_closed_form_of_point_masses() -> None:
    a = FeatureStatistics(0, np.zeros(3), np.zeros((3, 3)))
    b = FeatureStatistics(0, np.array([3.0, 4.0, 0.0]), np.diag([1.0, 0.0, 2.0]))
    assert frechet_distance(a, b) == pytest.approx(25.0 + 3.0, rel=1e-14)


def test_equals_the_closed_form_of_one_direction_each() -> None:
    # Σ₁ = s²uuᵀ, Σ₂ = t²vvᵀ: tr (Σ₁Σ₂)^½ = s t |u·v|.
    u, v = np.array([1.0, 0, 0]), np.array([0.6, 0.8, 0])
    a = FeatureStatistics(0, np.zeros(3), 4.0 * np.outer(u, u))
    b = FeatureStatistics(0, np.zeros(3), 9.0 * np.outer(v, v))
    assert frechet_distance(a, b) == pytest.approx(4 + 9 - 2 * 2 * 3 * 0.6, rel=1e-12)


@pytest.mark.parametrize("count", [60, 1000])
def test_equal_statistics_are_at_zero(count: int) -> None:
    a = statistics_of(_features(count, 128, 0))
    assert frechet_distance(a, a) < 1e-9 * np.trace(a.covariance)


def test_statistics_equal_numpy() -> None:
    features = _features(500, 32, 0) + 1e6
    found = statistics_of(features)
    np.testing.assert_allclose(found.mean, features.mean(0).numpy(), rtol=1e-14)
    np.testing.assert_allclose(
        found.covariance, np.cov(features.numpy(), rowvar=False), rtol=1e-7, atol=1e-9
    )


def test_files_go_to_and_come_from_pytorch_fid(tmp_path) -> None:  # type: ignore[no-untyped-def]
    from pytorch_fid.fid_score import compute_statistics_of_path

    ours = statistics_of(_features(200, 16, 0))
    save_statistics(ours, tmp_path / "ours.npz")
    mean, covariance = compute_statistics_of_path(str(tmp_path / "ours.npz"), None, 50, 16, "cpu")
    np.testing.assert_array_equal(mean, ours.mean)
    np.testing.assert_array_equal(covariance, ours.covariance)
    np.savez_compressed(tmp_path / "theirs.npz", mu=mean, sigma=covariance)
    theirs = load_statistics(tmp_path / "theirs.npz")
    assert frechet_distance(ours, theirs) < 1e-12


def _symmetric(basis: np.ndarray, values: np.ndarray) -> np.ndarray:
    product = basis @ np.diag(values) @ basis.T
    return (product + product.T) / 2
