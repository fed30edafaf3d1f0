from pathlib import Path

import numpy as np
import pytest
import torch

from gancompress.data.images import images_from_tensor
from gancompress.errors import MetricError
from gancompress.metrics import collect as collect_module
from gancompress.metrics.collect import collect, collect_reference
from gancompress.metrics.features import Features
from tests.unit.metrics.networks import broken, pictures, tiny


def test_batch_size_changes_nothing() -> None:
    source = images_from_tensor(pictures(23))
    whole, pieces = (collect(source, tiny(), batch_size=size, keep=True) for size in (64, 5))
    assert whole.features is not None and pieces.features is not None
    assert whole.logits is not None and pieces.logits is not None
    torch.testing.assert_close(pieces.features, whole.features)
    torch.testing.assert_close(pieces.logits, whole.logits)
    np.testing.assert_allclose(
        pieces.statistics.covariance, whole.statistics.covariance, rtol=1e-4, atol=1e-9
    )


def test_features_are_kept_only_where_asked_for() -> None:
    found = collect(images_from_tensor(pictures(5)), tiny())
    assert found.features is None and found.logits is None
    assert found.statistics.count == 5


@pytest.mark.parametrize(("count", "reason"), [(0, "no images"), (1, "one image")])
def test_empty_sets_and_single_images_are_refused(count: int, reason: str) -> None:
    with pytest.raises(MetricError, match=reason):
        collect(images_from_tensor(pictures(2)[:count]), tiny())


def test_nan_features_are_an_error() -> None:
    images = pictures(6)
    images[4] = 0
    with pytest.raises(MetricError, match="NaN"):
        collect(images_from_tensor(images), broken(), batch_size=2)


class _Counting:
    """Counts the images it is shown."""

    name, size = "counting", 8

    def __init__(self) -> None:
        self.inner = tiny()
        self.fingerprint = self.inner.fingerprint
        self.seen = 0

    def __call__(self, images: torch.Tensor) -> Features:
        self.seen += len(images)
        return self.inner(images)


def test_reference_statistics_are_computed_once(tmp_path: Path) -> None:
    extractor, source = _Counting(), images_from_tensor(pictures(9))
    first = collect_reference(source, extractor, cache=tmp_path)
    again = collect_reference(images_from_tensor(pictures(9)), extractor, cache=tmp_path)
    assert extractor.seen == 9
    assert again.statistics.count == 9
    np.testing.assert_array_equal(again.statistics.covariance, first.statistics.covariance)


@pytest.mark.parametrize("what", ["images", "extractor", "count"])
def test_reference_statistics_are_never_those_of_something_else(what: str, tmp_path: Path) -> None:
    extractor = _Counting()
    collect_reference(images_from_tensor(pictures(9)), extractor, cache=tmp_path)
    images = pictures(9)
    if what == "images":
        images[8, 0, 0, 0] += 1
    if what == "count":
        images = images[:8]
    if what == "extractor":
        extractor.fingerprint = "another"
    collect_reference(images_from_tensor(images), extractor, cache=tmp_path)
    assert extractor.seen == 9 + len(images)


def test_processes_share_the_batches_and_agree_with_one(monkeypatch: pytest.MonkeyPatch) -> None:
    source, shares = images_from_tensor(pictures(23)), []
    whole = collect(source, tiny(), batch_size=4)
    # Each process stops before the exchange, which tests/workflows/test_evaluate.py covers.
    monkeypatch.setattr(collect_module, "merge_statistics", lambda own: own)
    for rank in range(3):
        monkeypatch.setattr(collect_module, "rank_and_size", lambda rank=rank: (rank, 3))
        shares.append(collect(source, tiny(), batch_size=4).statistics)
    assert [share.count for share in shares] == [8, 8, 7]
    mean = sum(share.mean * share.count for share in shares) / 23
    np.testing.assert_allclose(mean, whole.statistics.mean, rtol=1e-12)
