"""The page: well formed, self-contained, escaped."""

import base64
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch

from gancompress.errors import DataError
from gancompress.report import blocks
from gancompress.report.blocks import Bar, Card
from gancompress.report.charts import Mark, Series, lines, scatter
from gancompress.report.grid import save_grid
from gancompress.report.html import save_page
from gancompress.report.table import Table

VOID = {"meta", "img", "input", "wbr"}
DRAWN = {"path", "polyline", "polygon", "circle", "rect"}


class Structure(HTMLParser):
    """Checks that tags nest, and gathers what would be fetched and what is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.unnamed: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag == "img" and not named.get("alt"):
            self.unnamed.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    save_grid({"teacher": torch.zeros(2, 1, 8, 8)}, tmp_path / "samples.png")
    return tmp_path / "samples.png"


@pytest.fixture
def page(tmp_path: Path, picture: Path) -> str:
    marks = [Mark(1e6, 0.3, "<b>1M</b>", spread=0.01), Mark(2e6, 0.2, "2M")]
    content = [
        blocks.cards([Card("9.0×", "fewer <MACs>", "a → b")]),
        blocks.compare(picture, picture, ("teacher", "student")),
        blocks.section("Result", blocks.table(Table(("", "teacher"), [("MACs", "1 & 2")]))),
        blocks.chart(scatter("MACs", "l1", [Series("front", "line", marks)]), "front"),
        blocks.chart(lines("l1", {"largest": {1: 0.2, 2: 0.1}}), "l1"),
        blocks.bars([Bar("first", 8, 16, 0.25), Bar("net.<2>", 8, 16, 0.001)]),
        blocks.pictured_table(("picture", "teacher"), [(blocks.data_uri(picture), "<3>, 4")]),
        blocks.folded("More", blocks.facts({"data": {"source": "<digits>"}, "n": []})),
        blocks.code("load", 'x = "<1>"'),
        blocks.paragraphs(["First <i>."]),
        blocks.items(["Second <i>."]),
    ]
    save_page(tmp_path / "report.html", "run <1>", "won & lost", content)
    return (tmp_path / "report.html").read_text(encoding="utf-8")


def test_page_is_well_formed_and_fetches_nothing(page: str) -> None:
    structure = Structure()
    structure.feed(page)
    assert structure.open == []
    assert structure.sources and all(src.startswith("data:") for src in structure.sources)
    assert "http" not in page.replace("http-equiv", "")


def test_every_picture_says_what_it_is(page: str) -> None:
    structure = Structure()
    structure.feed(page)
    assert structure.unnamed == []


def test_text_is_shown_as_it_is(page: str) -> None:
    structure = Structure()
    structure.feed(page)
    text = "".join(structure.words)
    for shown in (
        "run <1>",
        "won & lost",
        "fewer <MACs>",
        "1 & 2",
        "<digits>",
        "First <i>.",
        "net.<2>",
        "<3>, 4",
    ):
        assert shown in text
    assert "<b>1M</b>" not in page and "&lt;b&gt;1M&lt;/b&gt;" in page


def test_picture_is_embedded_byte_for_byte(page: str, picture: Path) -> None:
    assert base64.b64encode(picture.read_bytes()).decode("ascii") in page


def test_a_small_share_is_not_told_as_none() -> None:
    assert "&lt; 1%" in blocks.bars([Bar("a", 8, 16, 0.001)])
    assert "<td>0%</td>" in blocks.bars([Bar("a", 8, 16, 0.0)])


def test_nested_facts_are_flattened(page: str) -> None:
    assert "data.source" in page


def test_missing_and_unknown_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        blocks.picture(tmp_path / "none.png", "x")
    with pytest.raises(DataError, match=r"a page can show \.png"):
        blocks.picture(tmp_path / "x.tiff", "x")


def test_confusion_is_shown_in_shares_of_the_class_asked_for() -> None:
    shown = blocks.confusion(["<cat>", "dog"], [[3, 1], [0, 0]])
    assert "&lt;cat&gt;" in shown
    assert [shown.count(f">{share}<") for share in ("75%", "25%", "0%")] == [1, 1, 2]
