"""The demo's server: what it answers, and what it refuses."""

import base64
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from gancompress.batch import Input, InputSpec
from gancompress.demo.gallery import Choice, Gallery, Size
from gancompress.demo.server import LARGEST_BODY, make_app
from gancompress.errors import DataError
from gancompress.exporters.onnx import run_onnx
from gancompress.generators.build import build
from gancompress.student.file import Architecture, Student, load_student

testclient = pytest.importorskip("starlette.testclient")

HEADERS = {"x-gancompress": "1"}


def _noise() -> Gallery:
    torch.manual_seed(0)
    kwargs = {"resolution": 16, "width": 8, "classes": 2}
    architecture = Architecture("dcgan", kwargs)
    module = build("dcgan", **kwargs).eval()
    inputs: InputSpec = module.inputs  # type: ignore[assignment]
    student = Student(module, inputs, architecture)
    sizes = [
        Size(title=f"{n}", macs=100 * n, params=10 * n, chosen=n == 2, make=lambda: student)
        for n in (1, 2)
    ]
    return Gallery("dcgan", inputs, teacher=module, teacher_macs=400, sizes=sizes)


class Invert(nn.Module):
    """The negative of an image in 0…1."""

    def forward(self, photo: Tensor) -> Tensor:
        return 1 - 2 * photo


def _translator() -> Gallery:
    inputs = {"photo": Input("image", (3, 16, 16), 0, 1)}
    student = Student(Invert(), inputs, Architecture("unused"))
    return Gallery(
        "invert",
        inputs,
        teacher=None,
        teacher_macs=None,
        sizes=[Size(title="-", macs=None, params=0, chosen=True, make=lambda: student)],
    )


def _client(gallery: Gallery, host: str = "127.0.0.1:8765") -> Any:
    return testclient.TestClient(make_app(gallery), base_url=f"http://{host}")


def _png(pixels: np.ndarray) -> bytes:
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, format="PNG")
    return data.getvalue()


def _opened(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))


def test_page_and_what_it_is_about_are_served() -> None:
    client = _client(_noise())
    page = client.get("/")
    assert (
        page.status_code == 200 and "default-src 'self'" in page.headers["content-security-policy"]
    )
    about = client.get("/api/about").json()
    assert about["kind"] == "noise" and about["classes"] == 2
    assert [size["macs"] for size in about["sizes"]] == [100, 200]


def test_images_of_teacher_and_student_come_with_their_times() -> None:
    body = json.dumps({"size": 1, "seed": 3, "count": 4, "label": 1})
    made = _client(_noise()).post("/api/generate", content=body, headers=HEADERS).json()
    assert len(made["student"]["images"]) == len(made["teacher"]["images"]) == 4
    assert _opened(made["student"]["images"][0]).shape == (16, 16, 3)
    assert made["student"]["ms"] > 0


def test_walk_ends_at_the_next_seed() -> None:
    gallery = _noise()

    def first(seed: int, walk: float) -> Tensor:
        made = gallery.generate(Choice(0), seeds=[seed], label=0, truncation=1.0, walk=walk)[1]
        return made.images

    scale = float((first(5, 0.0) - first(6, 0.0)).abs().max())
    torch.testing.assert_close(first(5, 1.0), first(6, 0.0), rtol=0, atol=1e-3 * scale)
    assert float((first(5, 0.5) - first(5, 0.0)).abs().max()) > 0.1 * scale


def test_picture_is_cut_to_the_network_and_translated() -> None:
    pixels = np.full((32, 48, 3), 200, dtype=np.uint8)
    made = _client(_translator()).post("/api/translate", content=_png(pixels), headers=HEADERS)
    shown = made.json()
    assert _opened(shown["input"][0]).shape == (16, 16, 3)
    assert np.abs(_opened(shown["student"]["images"][0]).astype(int) - 55).max() <= 1
    assert shown["teacher"] is None


def test_student_of_a_size_can_be_saved(tmp_path: Any) -> None:
    data = _client(_noise()).post("/api/student?size=0", headers=HEADERS).content
    (tmp_path / "student.safetensors").write_bytes(data)
    assert load_student(tmp_path / "student.safetensors").inputs.keys() == {"z", "c"}


def test_other_sites_are_refused() -> None:
    # Without the header, as a form on another page would send it.
    assert _client(_noise()).post("/api/generate", content="{}").status_code == 403
    # By another name that leads to this machine (DNS rebinding).
    assert _client(_noise(), "evil.example").get("/api/about").status_code == 400
    # A browser asks before it sends the header from elsewhere; nothing allows it.
    asked = _client(_noise()).options("/api/generate", headers={"Origin": "http://evil.example"})
    assert "access-control-allow-origin" not in asked.headers


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("[]", "not a JSON object"),
        ("[" * 100_000, "not a JSON object"),
        ('{"count": 65}', "count: a whole number from 1 to 64"),
        ('{"count": true}', "count"),
        ('{"seed": -1}', "seed"),
        ('{"seed": 1e300}', "seed"),
        ('{"label": 2}', "label: a whole number from -1 to 1"),
        ('{"size": 9}', "size: 0 to 1"),
        ('{"size": "../x"}', "size"),
        ('{"runtime": "../x"}', "runtime: one of PyTorch"),
        ('{"runtime": []}', "runtime: one of PyTorch"),
        ('{"truncation": NaN}', "truncation"),
        ('{"walk": "1"}', "walk"),
    ],
)
def test_bad_requests_are_told_what_is_wrong(body: str, message: str) -> None:
    answer = _client(_noise()).post("/api/generate", content=body, headers=HEADERS)
    assert answer.status_code == 400 and message in answer.json()["error"]


def test_what_is_no_picture_or_too_large_is_refused() -> None:
    client = _client(_translator())
    for body in (b"", b"no picture", b"%!PS-Adobe-3.0\n", b"x" * (LARGEST_BODY + 1)):
        answer = client.post("/api/translate", content=body, headers=HEADERS)
        assert answer.status_code == 400, body[:20]


def test_unknown_paths_are_not_opened() -> None:
    client = _client(_noise())
    for path in ("/demo.html", "/../gallery.py", "/static/demo.js", "/%2e%2e/server.py"):
        assert client.get(path).status_code == 404


def test_networks_that_cannot_be_shown_are_named() -> None:
    inputs = {"low": Input("image", (3, 8, 8)), "high": Input("image", (3, 8, 8))}
    with pytest.raises(DataError, match="is fed low, high"):
        _alone(inputs, [])


class Colours(nn.Module):
    """Class 0 black, class 1 white."""

    def forward(self, label_map: Tensor) -> Tensor:
        return 2 * label_map[:, 1:].expand(-1, 3, -1, -1) - 1


def _alone(inputs: InputSpec, sizes: Sequence[Size]) -> Gallery:
    return Gallery("alone", inputs, teacher=None, teacher_macs=None, sizes=sizes)


def test_a_map_of_classes_is_painted() -> None:
    inputs = {"label_map": Input("label_map", (2, 4, 6))}
    student = Student(Colours(), inputs, Architecture("unused"))
    size = Size(title="-", macs=None, params=0, chosen=True, make=lambda: student)
    client = _client(_alone(inputs, [size]))
    assert client.get("/api/about").json()["shape"] == [2, 4, 6]
    drawn = np.zeros((4, 6), dtype=np.uint8)
    drawn[1, 2:] = 1
    made = client.post("/api/paint", content=drawn.tobytes(), headers=HEADERS).json()
    np.testing.assert_array_equal(_opened(made["student"]["images"][0])[..., 0], 255 * drawn)
    for body in (b"", b"\0" * 23, b"\2" * 24):
        answer = client.post("/api/paint", content=body, headers=HEADERS)
        assert answer.status_code == 400 and "0 to 1" in answer.json()["error"]


def _first(gallery: Gallery, choice: Choice) -> Tensor:
    return gallery.generate(choice, seeds=range(4), label=0, truncation=1.0, walk=0.0)[1].images


@pytest.mark.parametrize("runtime", ["ONNX Runtime", "ONNX Runtime, 8-bit integers"])
def test_another_runtime_makes_nearly_the_same_images(runtime: str, tmp_path: Path) -> None:
    for package in ("onnx", "onnxruntime", "onnxscript"):
        pytest.importorskip(package)
    gallery = _noise()
    assert runtime in gallery.runtimes
    exact, other = _first(gallery, Choice(0)), _first(gallery, Choice(0, runtime))
    assert float((exact - other).abs().max()) < 0.1 * float(exact.abs().max())
    place = f"/api/student?size=0&runtime={runtime}"
    (tmp_path / "student.onnx").write_bytes(_client(gallery).post(place, headers=HEADERS).content)
    assert run_onnx(tmp_path / "student.onnx").inputs.keys() == {"z", "c"}


def _noting(built: list[str]) -> Gallery:
    """A gallery without a teacher that notes which students it builds."""

    def noted(size: Size) -> Student:
        built.append(size.title)
        return size.make()

    gallery = _noise()
    sizes = [replace(size, make=partial(noted, size)) for size in gallery.sizes]
    return _alone(gallery.inputs, sizes)


def test_nobody_waits_for_a_student_that_was_prepared() -> None:
    built: list[str] = []
    gallery = _noting(built)
    gallery.prepare()
    _first(gallery, Choice(1))
    assert built == ["1", "2"]


def test_what_was_not_asked_for_longest_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    # One of them has 10 parameters of four bytes, the other 20.
    monkeypatch.setattr("gancompress.demo.gallery.KEPT", 100)
    built: list[str] = []
    gallery = _noting(built)
    for size in (0, 1, 0):
        _first(gallery, Choice(size))
    assert built == ["1", "2", "1"]
