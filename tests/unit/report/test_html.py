import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch

from gancompress.errors import DataError
from gancompress.report.grid import save_grid
from gancompress.report.html import Section, save_page
from gancompress.report.table import Table

VOID = {"meta", "img"}


class Structure(HTMLParser):
    """Checks that tags nest, and gathers what would be fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def page(tmp_path: Path) -> tuple[str, Path]:
    picture = tmp_path / "samples.png"
    save_grid({"teacher": torch.zeros(2, 1, 8, 8)}, picture)
    sections = [
        Section(
            "Result",
            text="First <b>.\n\nSecond.",
            tables=[Table(("", "teacher"), [("MACs", "1 & 2")])],
            pictures={"same latents": picture},
        ),
        Section("Provenance", facts={"recipe": {"seed": 0, "data": {"source": "digits"}}, "n": []}),
    ]
    save_page(tmp_path / "report.html", "run <1>", sections)
    return (tmp_path / "report.html").read_text(encoding="utf-8"), picture


def test_page_is_well_formed_and_fetches_nothing(page: tuple[str, Path]):
    structure = Structure()
    structure.feed(page[0])
    assert structure.open == [] and "script" not in structure.tags
    assert structure.sources and all(src.startswith("data:") for src in structure.sources)


def test_picture_is_embedded_byte_for_byte(page: tuple[str, Path]):
    data = re.search(r"data:image/png;base64,([^\"]+)", page[0])
    assert data is not None and base64.b64decode(data[1]) == page[1].read_bytes()


def test_text_of_a_run_cannot_become_markup(page: tuple[str, Path]):
    assert "run &lt;1&gt;" in page[0] and "First &lt;b&gt;." in page[0] and "1 &amp; 2" in page[0]


def test_nested_facts_are_flattened_by_dots(page: tuple[str, Path]):
    assert "<th>recipe.data.source</th><td>digits</td>" in page[0]
    assert "<th>recipe.seed</th><td>0</td>" in page[0] and "<th>n</th><td>[]</td>" in page[0]


@pytest.mark.parametrize(("name", "message"), [("a.bin", "can show"), ("a.png", "cannot be read")])
def test_picture_that_cannot_be_shown_is_refused(tmp_path: Path, name: str, message: str):
    with pytest.raises(DataError, match=message):
        save_page(tmp_path / "p.html", "x", [Section("s", pictures={"c": tmp_path / name})])
    assert not (tmp_path / "p.html").exists()
