from dataclasses import replace
from functools import partial

import pytest
import torch

from gancompress.data.cache import Problem
from gancompress.data.images import Images, images_from_tensor
from gancompress.errors import MetricError
from gancompress.metrics.by_name import METRICS
from gancompress.metrics.comparison import Named
from gancompress.metrics.evaluate import compare, scores
from gancompress.metrics.frechet import frechet_distance, statistics_of
from gancompress.metrics.options import EvaluationOptions
from gancompress.metrics.perceptual import perceptual_distance
from gancompress.metrics.pixels import pixel_scores
from gancompress.metrics.provenance import Score
from gancompress.metrics.similarity import ms_ssim, psnr, ssim
from tests.unit.metrics.networks import pictures, tiny

CLASSES = ("a", "b", "c", "d")
PAIRED = ("psnr", "ssim", "ms_ssim", "perceptual")
FEATURES = tuple(name for name in METRICS if name not in PAIRED)


def _images(count: int, seed: int) -> Images:
    return images_from_tensor(pictures(count, seed), labels=torch.arange(count) % 4)


def _scores(*metrics: str, count: int = 40) -> dict[str, float]:
    comparison = compare(
        Named("ours", _images(count, 0)),
        Named("theirs", _images(48, 1), CLASSES),
        tiny(),
        metrics,
    )
    return {score.metric: score.value for score in scores(comparison, metrics)}


def test_every_metric_gives_its_scores_by_name() -> None:
    found = _scores(*FEATURES)
    assert set(found) == {
        *("fd_tiny", "fd_tiny_infinity", "kid_tiny", "is_tiny", "class_fd_tiny", "accuracy_tiny"),
        *("precision_tiny", "recall_tiny", "density_tiny", "coverage_tiny", "authenticity_tiny"),
        *("duplicates_tiny", "near_duplicates_tiny", "diversity_tiny", "missing_classes_tiny"),
    }


def test_each_metric_alone_gives_what_it_gives_among_all() -> None:
    together = _scores(*FEATURES)
    for metric in FEATURES:
        for name, value in _scores(metric).items():
            assert value == pytest.approx(together[name], rel=1e-9, abs=1e-12)


def test_frechet_score_is_the_distance_of_the_features() -> None:
    ours, theirs = (tiny()(pictures(n, seed)).features for n, seed in ((40, 0), (48, 1)))
    expected = frechet_distance(statistics_of(ours), statistics_of(theirs))
    assert _scores("frechet")["fd_tiny"] == pytest.approx(expected, rel=1e-6)


def test_a_score_carries_its_provenance() -> None:
    ours, theirs = _images(40, 0), _images(48, 1)
    comparison = compare(
        Named("ours", ours), Named("theirs", theirs), tiny(), ["kid"], EvaluationOptions(seed=7)
    )
    (score,) = scores(comparison, ["kid"])
    assert (score.generator, score.generator_hash) == ("ours", ours.fingerprint)
    assert (score.reference, score.reference_hash) == ("theirs", theirs.fingerprint)
    assert (score.samples, score.reference_samples, score.seed) == (40, 48, 7)
    assert (score.extractor, score.extractor_hash) == ("tiny", tiny().fingerprint)
    assert score.resize == "bilinear antialiased 8x8"
    assert score.settings == {"blocks": 1}


def test_a_score_says_what_was_converted_and_left_out_of_image_files() -> None:
    photo, bad = Problem("a.jpg", "turned as its EXIF says", "converted"), "not an image"
    real = replace(_images(8, 1), problems=(photo, Problem("b.png", bad, "skipped")))
    sides = Named("g", _images(8, 0)), Named("real", real)
    found = scores(compare(*sides, tiny(), ["frechet"]), ["frechet"])
    assert found[0].to_json()["details"]["files"] == [
        "real: converted 1 file (turned as its EXIF says): a.jpg",
        "real: skipped 1 file (not an image): b.png",
    ]
    assert pixel_scores(*sides, ["psnr"])[0].details["files"]


def test_statistics_stand_in_for_images_where_they_suffice() -> None:
    theirs = statistics_of(tiny()(pictures(48, 1)).features)
    ours = Named("ours", _images(40, 0))
    comparison = compare(ours, ("theirs.npz", theirs), tiny(), ["frechet"])
    (score,) = scores(comparison, ["frechet"])
    assert score.value == pytest.approx(_scores("frechet")["fd_tiny"], rel=1e-6)
    assert score.reference_hash == theirs.fingerprint
    comparison = compare(ours, ("theirs.npz", theirs), tiny(), ["kid"])
    with pytest.raises(MetricError, match=r"as images, not as \.npz"):
        scores(comparison, ["kid"])


def test_an_unknown_metric_is_refused_before_any_work() -> None:
    with pytest.raises(MetricError, match="unknown metric 'fidd'; there are frechet"):
        compare(Named("o", _images(4, 0)), Named("t", _images(4, 1)), tiny(), ["fidd"])


def test_metrics_about_classes_need_labels() -> None:
    bare = images_from_tensor(pictures(40))
    for metric in ("accuracy", "class_frechet"):
        comparison = compare(Named("o", bare), Named("t", _images(40, 1)), tiny(), [metric])
        with pytest.raises(MetricError, match="no labels"):
            scores(comparison, [metric])


def test_accuracy_is_matched_by_class_name_not_by_number() -> None:
    ours = Named("ours", _images(40, 0))
    reference = Named("theirs", _images(48, 1), CLASSES)
    turned = replace(tiny(), classes=("d", "c", "b", "a"))
    straight = replace(tiny(), classes=CLASSES)
    seen = straight(pictures(40)).logits
    assert seen is not None
    labels = torch.arange(40) % 4
    for extractor, expected in (
        (straight, (seen.argmax(1) == labels).double().mean()),
        (turned, (seen.argmax(1) == 3 - labels).double().mean()),
    ):
        comparison = compare(ours, reference, extractor, ["accuracy"])
        assert scores(comparison, ["accuracy"])[0].value == pytest.approx(float(expected))


def test_an_extractor_of_other_classes_cannot_judge_accuracy() -> None:
    ours = Named("ours", _images(40, 0))
    for extractor, names, reason in (
        (replace(tiny(), classes=("x", "y", "z", "w")), CLASSES, "but not a, b, c, d"),
        (tiny(), (*CLASSES, "e"), "tells 4 classes apart, the data have 5"),
    ):
        theirs = Named("theirs", _images(48, 1), names)
        comparison = compare(ours, theirs, extractor, ["accuracy"])
        with pytest.raises(MetricError, match=reason):
            scores(comparison, ["accuracy"])


def _paired(first: Images, second: Images, metric: str) -> Score:
    extractor = replace(tiny(), size=176)
    comparison = compare(Named("a", first), Named("b", second), extractor, [metric])
    (score,) = scores(comparison, [metric])
    return score


@pytest.mark.parametrize("metric", PAIRED)
def test_paired_metrics_average_over_pairs(metric: str) -> None:
    first, second = pictures(5, 0, size=176), pictures(5, 1, size=176)
    score = _paired(images_from_tensor(first), images_from_tensor(second), metric)
    measure = {
        "psnr": psnr,
        "ssim": ssim,
        "ms_ssim": ms_ssim,
        "perceptual": partial(perceptual_distance, replace(tiny(), size=176)),
    }[metric]
    values = measure(first, second).double()
    assert score.value == pytest.approx(float(values.mean()), rel=1e-5)
    assert score.error == pytest.approx(float(values.std() / 5**0.5), rel=1e-5)


def test_pairs_without_a_difference_are_counted_apart() -> None:
    first, second = pictures(3, 0), pictures(3, 1)
    second[0] = first[0]
    score = _paired(images_from_tensor(first), images_from_tensor(second), "psnr")
    assert score.value == pytest.approx(float(psnr(first[1:], second[1:]).mean()))
    assert score.details == {"equal_pairs": 1}


def test_what_makes_no_pairs_is_refused() -> None:
    five, four = images_from_tensor(pictures(5)), images_from_tensor(pictures(4))
    with pytest.raises(MetricError, match="5 and 4 images make no pairs"):
        _paired(five, four, "psnr")
    renamed = images_from_tensor(pictures(5), names=["0", "1", "2", "x", "4"])
    with pytest.raises(MetricError, match="3 stands beside x"):
        _paired(five, renamed, "psnr")
