import dataclasses
import json

import pytest

from gancompress.generators.published_size import PublishedSize
from gancompress.generators.published_sizes import PUBLISHED_SIZES
from gancompress.workflows import verify_papers as module
from gancompress.workflows.verify_papers import agrees, verify, verify_papers

# The quickest row.
SIZE = next(size for size in PUBLISHED_SIZES if size.model == "DiStyleGAN generator")


@pytest.mark.parametrize(
    ("figure", "count", "agreed"),
    [
        ("56.8G", 56_831_770_624, True),
        ("56.9G", 56_831_770_624, False),
        (".342M", 341_627, True),
        (".341M", 341_627, False),
        ("2,984,771,584", 2_984_771_584, True),
        ("2,984,771,584", 2_984_771_585, False),
        ("over 20M", 20_215_315, True),
        ("over 20M", 19_999_999, False),
    ],
)
def test_a_count_must_round_to_the_digits_shown(figure: str, count: int, agreed: bool) -> None:
    assert agrees(figure, count) is agreed


@pytest.mark.parametrize(
    ("change", "failure"),
    [
        ({"params": 2_054_369}, "2,054,369 parameters"),
        ({"recounted": (("115.5M", "paper"),)}, "115.5M paper"),
        ({"published": (("2.1M", "params"), ("2.2M", "params"))}, "2.2M params"),
    ],
)
def test_a_figure_that_is_not_reproduced_is_named(change: dict[str, object], failure: str) -> None:
    assert verify(dataclasses.replace(SIZE, **change)).failures == (failure,)


def _with(monkeypatch: pytest.MonkeyPatch, *sizes: PublishedSize) -> None:
    monkeypatch.setattr(module, "PUBLISHED_SIZES", sizes)


def test_succeeds_only_when_all_match(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _with(monkeypatch, SIZE)
    assert verify_papers()
    _with(monkeypatch, SIZE, dataclasses.replace(SIZE, params=1))
    assert not verify_papers()
    assert "MISMATCH: 1 parameters" in capsys.readouterr().out


def test_json_holds_every_count(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _with(monkeypatch, SIZE)
    verify_papers(as_json=True)
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["params"], row["exact_macs"], row["match"]) == (2_054_368, 115_392_512, True)


def test_markdown_is_a_page_with_one_row_a_network(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _with(monkeypatch, SIZE)
    verify_papers(as_markdown=True)
    page = capsys.readouterr().out
    assert page.startswith("# Published sizes")
    assert "| DiStyleGAN generator | ngf 256, 10 classes, 32×32 | 115.4M | 2,054,368 |" in page
