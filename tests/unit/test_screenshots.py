"""The screenshots of the documentation show the pages as they are now."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_screenshots_are_of_the_pages_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.screenshots import NOTE, PICTURES, page_hash

    note = json.loads((PICTURES / NOTE).read_text(encoding="utf-8"))
    assert all((PICTURES / name).is_file() for name in note["pictures"])
    assert note["pages"] == page_hash(), (
        "report/static or demo/static has changed: python -m benchmarks.screenshots RUN"
    )
