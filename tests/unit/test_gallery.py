"""The gallery shows every recipe, with pictures that are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
GALLERY = ROOT / "docs" / "gallery.md"


def test_every_recipe_is_in_the_gallery() -> None:
    text = GALLERY.read_text(encoding="utf-8")
    assert [p.stem for p in (ROOT / "recipes").glob("*.yaml") if f"`{p.stem}`" not in text] == []


def test_every_picture_of_the_gallery_is_there() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", GALLERY.read_text(encoding="utf-8"))
    assert len(pictures) > 10
    assert [name for name in pictures if not (GALLERY.parent / name).is_file()] == []
