"""The demo in a real browser; needs playwright and the system's Chromium."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.browser import CHROMIUM, opened, served
from gancompress.batch import Input
from gancompress.generators.build import build
from gancompress.student.file import Architecture, Student, save_student

pytest.importorskip("playwright.sync_api")
pytest.importorskip("uvicorn")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]


@pytest.fixture
def page() -> Iterator[Any]:
    with opened() as browser:
        yield browser.new_page(viewport={"width": 1200, "height": 800})


def _student(folder: Path, name: str, kwargs: dict[str, Any]) -> Path:
    torch.manual_seed(0)
    module = build(name, **kwargs)
    inputs = getattr(module, "inputs", {"image": Input("image", (3, 32, 32))})
    path = folder / f"{name}.safetensors"
    save_student(Student(module, inputs, Architecture(name, kwargs)), path)
    return path


def test_images_are_made_and_follow_the_seed(page: Any, tmp_path: Path) -> None:
    path = _student(tmp_path, "dcgan", {"resolution": 16, "width": 8, "classes": 3})
    with served(path) as url:
        page.goto(url)
        page.wait_for_selector("#student img")
        assert page.locator("#student img").count() == 10
        assert page.locator("#label option").count() == 4
        before = page.get_attribute("#student img", "src")
        page.fill("#seed", "7")
        page.wait_for_function(
            "old => document.querySelector('#student img').src !== old", arg=before
        )
        assert "ms" in page.text_content("#facts")


def test_uploaded_picture_is_translated_and_nothing_overflows_a_phone(
    page: Any, tmp_path: Path
) -> None:
    with served(_student(tmp_path, "resnet", {"width": 8, "blocks": 1})) as url:
        picture = tmp_path / "photo.png"
        Image.fromarray(np.full((40, 60, 3), 90, dtype=np.uint8)).save(picture)
        page.set_viewport_size({"width": 360, "height": 740})
        page.goto(url)
        page.set_input_files("#file", picture)
        page.wait_for_selector("#student img")
        assert page.locator("#inputs img").count() == 1
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.set_input_files("#file", {"name": "x.png", "mimeType": "image/png", "buffer": b"no"})
        page.wait_for_selector("#error:not([hidden])")
        assert "no picture" in page.text_content("#error")


def test_what_is_drawn_is_painted_in_the_chosen_runtime(page: Any, tmp_path: Path) -> None:
    kwargs = {"label_channels": 4, "width": 4, "hidden": 8, "size": [64, 128]}
    with served(_student(tmp_path, "spade", kwargs)) as url:
        page.goto(url)
        page.wait_for_selector("#student img")
        assert page.locator("#palette button").count() == 4
        before = page.get_attribute("#student img", "src")
        page.click("#palette button >> nth=2")
        box = page.locator("#canvas").bounding_box()
        page.mouse.move(box["x"] + 40, box["y"] + 40)
        page.mouse.down()
        page.mouse.move(box["x"] + 200, box["y"] + 90, steps=4)
        page.mouse.up()
        page.wait_for_function(
            "old => document.querySelector('#student img').src !== old", arg=before
        )
        idle = "() => !document.body.classList.contains('busy')"
        page.wait_for_function(idle)
        if page.locator("#runtime option").count() > 1:
            page.select_option("#runtime", "ONNX Runtime")
            page.wait_for_function(idle, timeout=120_000)
        assert page.is_hidden("#error")
