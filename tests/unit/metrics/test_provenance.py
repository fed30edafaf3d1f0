import json
import warnings
from dataclasses import replace

import pytest

from gancompress.errors import MetricError
from gancompress.metrics.provenance import (
    ProvenanceWarning,
    Score,
    compare,
    package_versions,
    table,
)

SCORE = Score(
    metric="fd_squeezenet",
    value=21.5,
    better="lower",
    samples=10_000,
    generator="student.safetensors",
    generator_hash="0123456789abcdef",
    error=0.25,
    extractor="squeezenet",
    extractor_hash="fedcba9876543210",
    resize="bilinear antialiased 224x224",
    reference="cifar10-train.zip",
    reference_hash="00ff00ff00ff00ff",
    reference_samples=50_000,
    seed=3,
    settings={"blocks": 10},
    versions=package_versions(),
)


def test_json_gives_back_the_score() -> None:
    assert Score.from_json(json.loads(json.dumps(SCORE.to_json()))) == SCORE


@pytest.mark.parametrize("data", [{}, {"format": 99}, {"format": 1, "fid": 3.0}])
def test_what_is_no_score_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(MetricError, match="not a score"):
        Score.from_json(data)


def test_one_line_says_everything_a_reader_needs() -> None:
    line = SCORE.line()
    for part in (
        *("fd_squeezenet", "21.5 ± 0.25", "lower is better", "10,000 images", "01234567"),
        *("50,000 of cifar10-train.zip@00ff00ff", "squeezenet@fedcba98", "bilinear antialiased"),
        *("blocks 10", "seed 3"),
    ):
        assert part in line
    assert "\n" not in line


def test_versions_name_what_computes_the_score() -> None:
    assert {"python", "torch", "numpy", "pillow", "gancompress"} <= SCORE.versions.keys()


def test_scores_measured_alike_compare_in_silence() -> None:
    better = replace(SCORE, value=20.0, error=0.3, generator="other", generator_hash="ab")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert compare(SCORE, better) == pytest.approx(1.5)
        assert compare(better, SCORE) == pytest.approx(-1.5)


def test_higher_is_better_where_the_metric_says_so() -> None:
    recall = replace(SCORE, metric="recall_squeezenet", better="higher", value=0.4)
    assert compare(recall, replace(recall, value=0.6)) == pytest.approx(0.2)


@pytest.mark.parametrize(
    "change",
    [
        {"metric": "fid"},
        {"extractor_hash": "x"},
        {"resize": "bilinear 224x224"},
        {"samples": 5_000},
        {"reference_hash": "x"},
        {"reference_samples": 10},
        {"seed": 4},
        {"settings": {"blocks": 5}},
        {"versions": {"torch": "1.0"}},
    ],
)
def test_scores_of_different_provenance_warn(change: dict[str, object]) -> None:
    with pytest.warns(ProvenanceWarning, match=next(iter(change))):
        compare(SCORE, replace(SCORE, **change))  # type: ignore[arg-type]


def test_table_has_one_row_a_score() -> None:
    rows = table([SCORE, replace(SCORE, metric="kid_squeezenet", error=None)]).splitlines()
    assert len(rows) == 3
    assert len({len(row.rstrip()) for row in rows[1:]}) == 1
