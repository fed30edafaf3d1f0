"""What each number refuses, and what it says in simple cases; reference/ has the exact values."""

import pytest
import torch

from gancompress.errors import MetricError
from gancompress.metrics.collapse import collapse_report
from gancompress.metrics.conditional import conditional_accuracy
from gancompress.metrics.frechet import statistics_of
from gancompress.metrics.frechet_infinity import frechet_infinity
from gancompress.metrics.inception_score import inception_score
from gancompress.metrics.kid import kernel_distance
from gancompress.metrics.memorisation import memorisation
from gancompress.metrics.per_class import class_scores, class_table
from gancompress.metrics.precision_recall import kth_distances, manifold, pairwise_distances


def _normal(count: int, dimension: int = 6, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, dimension, generator=torch.Generator().manual_seed(seed))


def test_kid_blocks_are_disjoint_and_depend_on_the_seed_only() -> None:
    x, y = _normal(90), _normal(70, seed=1)
    found = kernel_distance(x, y, block=20, seed=4)
    assert found.blocks == 3
    assert kernel_distance(x, y, block=20, seed=4) == found
    assert kernel_distance(x, y, block=20, seed=5).value != found.value


@pytest.mark.parametrize("count", [0, 1])
def test_kid_needs_two_images(count: int) -> None:
    with pytest.raises(MetricError, match="at least two"):
        kernel_distance(_normal(count), _normal(9))


def test_inception_score_needs_an_image_a_split() -> None:
    with pytest.raises(MetricError, match="3 images in 10 splits"):
        inception_score(_normal(3))


def test_manifold_needs_more_images_than_neighbours() -> None:
    with pytest.raises(MetricError, match="3 neighbours among 3"):
        manifold(_normal(3), _normal(9))


def test_manifold_tells_fidelity_from_diversity() -> None:
    real = _normal(200)
    narrow = manifold(_normal(200, seed=1) * 0.2, real)
    assert narrow.precision == 1.0 and narrow.recall < 0.5 and narrow.coverage < 0.9
    far = manifold(real + 100.0, real)
    assert (far.precision, far.recall, far.density, far.coverage) == (0.0, 0.0, 0.0, 0.0)


def test_equal_rows_are_exactly_zero_apart_however_far_from_the_origin() -> None:
    x = _normal(50) + 1e4
    assert pairwise_distances(x, x).diagonal().abs().max() == 0.0


def test_nearest_other_row_of_a_duplicate_is_the_duplicate() -> None:
    x = torch.cat([_normal(30), _normal(30)[:1]])
    nearest = kth_distances(x, 1, chunk=7)
    assert nearest[0] == nearest[30] == 0.0 and nearest[1] > 0.0


def test_accuracy_counts_what_the_classifier_sees() -> None:
    logits = torch.eye(3)[[0, 1, 1, 2]]
    found = conditional_accuracy(logits, torch.tensor([0, 1, 2, 2]))
    assert found.overall == 0.75
    assert found.per_class.tolist() == [1.0, 1.0, 0.5]
    assert found.confusion.tolist() == [[1, 0, 0], [0, 1, 0], [0, 1, 1]]


@pytest.mark.parametrize("requested", [torch.tensor([0, 3]), torch.tensor([0]), torch.tensor([])])
def test_accuracy_refuses_classes_that_do_not_fit(requested: torch.Tensor) -> None:
    with pytest.raises(MetricError):
        conditional_accuracy(torch.zeros(2, 3), requested)


def test_classes_are_scored_one_by_one() -> None:
    labels = torch.arange(40) % 2
    real, fake = _normal(40), _normal(40, seed=1) + labels[:, None] * 5.0
    right = labels == 0
    rows = class_scores(fake, labels, real, labels, names=("near", "far"), right=right)
    assert [row.name for row in rows] == ["near", "far"]
    assert rows[1].frechet > 100 * 0.9 > rows[0].frechet
    assert [row.accuracy for row in rows] == [1.0, 0.0]
    assert class_table(rows).splitlines()[1].startswith("far")


def test_a_reference_with_fewer_images_than_classes_is_refused_by_name() -> None:
    labels = torch.arange(12) % 3
    with pytest.raises(MetricError, match="fewer than two images, generated or real: b, c"):
        class_scores(
            _normal(12), labels, _normal(3), torch.tensor([0, 0, 1]), names=("a", "b", "c")
        )


def test_classes_nobody_asked_for_are_left_out() -> None:
    labels = torch.zeros(6, dtype=torch.int64)
    rows = class_scores(_normal(6), labels, _normal(6), labels, names=("a", "b"))
    assert [row.name for row in rows] == ["a"]


def test_a_healthy_set_shows_no_sign_of_collapse() -> None:
    found = collapse_report(_normal(300), _normal(300, seed=1))
    assert found.duplicates == 0 and found.near_duplicates == 0
    assert found.diversity == pytest.approx(1.0, abs=0.1)
    assert found.missing is None


def test_a_collapsed_set_shows() -> None:
    modes = _normal(3)[torch.arange(300) % 3]
    found = collapse_report(modes + 1e-4 * _normal(300, seed=1), _normal(300, seed=2))
    assert found.near_duplicates == 1.0
    assert collapse_report(modes, _normal(300, seed=2)).duplicates == 1.0
    assert "near-duplicates" in found.line()


def test_a_class_that_never_comes_is_missing() -> None:
    logits = torch.eye(4)[torch.arange(40) % 4] * 5
    found = collapse_report(
        _normal(30),
        _normal(40, seed=1),
        logits=logits[logits.argmax(1) != 2],
        reference_logits=logits,
        classes=("a", "b", "c", "d"),
    )
    assert found.missing == ("c",)
    assert found.class_diversity is not None and found.class_diversity.keys() == {"a", "b", "d"}


def test_copies_of_training_images_are_not_authentic() -> None:
    training = _normal(100)
    generated = torch.cat([training[[5, 7]] + 1e-5, _normal(20, seed=9) * 3])
    found = memorisation(generated, training)
    assert found.nearest[:2, 0].tolist() == [5, 7]
    assert sorted(found.suspects(2)) == [0, 1]
    assert found.authenticity <= 20 / 22


def test_extrapolation_takes_the_bias_of_few_samples_away() -> None:
    reference = statistics_of(_normal(20_000, seed=1))
    found = [frechet_infinity(_normal(600, seed=s), reference, seed=s) for s in range(2, 8)]
    biased = sum(one.distances[-1] for one in found) / len(found)
    extrapolated = sum(one.value for one in found) / len(found)
    assert abs(extrapolated) < biased / 2
    assert all(one.slope > 0 and one.counts[-1] == 600 for one in found)


def test_extrapolation_needs_samples() -> None:
    with pytest.raises(MetricError, match="10 images"):
        frechet_infinity(_normal(10), statistics_of(_normal(50)))
