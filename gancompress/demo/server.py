"""The demo's web server: a page, and requests for images, from this machine only.

No path that a client names is ever opened. Other sites cannot use it: requests must be addressed to
127.0.0.1 or localhost (against DNS rebinding), and those that make the machine work carry a header
that a browser sends to no other site without asking first (against cross-site requests).
"""

import base64
import io
import json
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from importlib.resources import files
from typing import Any

import torch

from gancompress.data.decode import Form, decode, open_picture
from gancompress.data.images import to_float
from gancompress.demo.gallery import Choice, Gallery, Made
from gancompress.demo.runtimes import PYTORCH
from gancompress.errors import ExportError
from gancompress.exporters.packages import require
from gancompress.report.grid import picture_of

# Bytes of a request, pixels of a picture, images of an answer.
LARGEST_BODY = 16 * 2**20
LARGEST_PICTURE = 40_000_000
MOST_IMAGES = 64

# Requests that wait or run; more are told to come back.
MOST_WAITING = 32

HOSTS = ["127.0.0.1", "localhost"]
HEADER = "x-gancompress"

_PAGES = {"/": ("index.html", "text/html"), "/demo.css": ("demo.css", "text/css"),
          "/demo.js": ("demo.js", "text/javascript")}  # fmt: skip

_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; frame-ancestors 'none'"
)


class BadRequest(Exception):
    """What a client sent is not what is asked for; the message is shown to it."""


def make_app(gallery: Gallery) -> Any:
    """The demo as an ASGI application.

    Raises:
        MissingPackageError: the ``demo`` extra is not installed.
    """
    require("starlette", "demo")
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.routing import Route

    routes = [Route(path, partial(_page, name, kind)) for path, (name, kind) in _PAGES.items()]
    routes += [
        Route("/api/about", partial(_about, gallery)),
        Route("/api/generate", _guarded(gallery, _generate), methods=["POST"]),
        Route("/api/translate", _guarded(gallery, _translate), methods=["POST"]),
        Route("/api/paint", _guarded(gallery, _paint), methods=["POST"]),
        Route("/api/student", _guarded(gallery, _student), methods=["POST"]),
    ]
    guard = Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS, www_redirect=False)
    return Starlette(routes=routes, middleware=[guard])


async def _page(name: str, kind: str, request: Any) -> Any:
    from starlette.responses import Response

    text = (files("gancompress.demo") / "static" / name).read_text(encoding="utf-8")
    return Response(text, media_type=kind, headers={"content-security-policy": _POLICY})


async def _about(gallery: Gallery, request: Any) -> Any:
    from starlette.responses import JSONResponse

    sizes = [
        {"title": s.title, "macs": s.macs, "params": s.params, "chosen": s.chosen}
        for s in gallery.sizes
    ]
    teacher = {"macs": gallery.teacher_macs} if gallery.teacher is not None else None
    return JSONResponse(
        {
            "name": gallery.name,
            "kind": gallery.kind,
            "shape": gallery.inputs[gallery.fed].shape if gallery.fed else None,
            "classes": gallery.classes,
            "runtimes": gallery.runtimes,
            "teacher": teacher,
            "sizes": sizes,
            "most": MOST_IMAGES,
        }
    )


Work = Callable[[Gallery, Any, bytes], dict[str, Any] | bytes]


def _guarded(gallery: Gallery, work: Work) -> Callable[[Any], Awaitable[Any]]:
    """``work`` behind the checks that every request which makes the machine work has to pass."""
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import JSONResponse, Response

    waiting = 0

    async def answer(request: Any) -> Any:
        nonlocal waiting
        if request.headers.get(HEADER) != "1":
            return JSONResponse({"error": f"the header {HEADER}: 1 is missing"}, 403)
        if waiting >= MOST_WAITING:
            return JSONResponse({"error": "too many requests at once; try again"}, 503)
        waiting += 1
        try:
            body = await _body(request)
            made = await run_in_threadpool(work, gallery, request, body)
        except (BadRequest, ExportError) as error:
            return JSONResponse({"error": str(error)}, 400)
        finally:
            waiting -= 1
        if isinstance(made, bytes):
            return Response(made, media_type="application/octet-stream")
        return JSONResponse(made)

    return answer


async def _body(request: Any) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > LARGEST_BODY:
            raise BadRequest(f"more than {LARGEST_BODY // 2**20} MiB; send a smaller picture")
        parts.append(part)
    return b"".join(parts)


def _generate(gallery: Gallery, request: Any, body: bytes) -> dict[str, Any]:
    try:
        asked = json.loads(body)
        assert isinstance(asked, dict)
    except (ValueError, AssertionError, RecursionError) as error:
        raise BadRequest("the request is not a JSON object") from error
    if gallery.fed is not None:
        raise BadRequest(f"this network is fed an {gallery.kind}; send one to /api/translate")
    count = _whole(asked, "count", 1, MOST_IMAGES, 8)
    seed = _whole(asked, "seed", 0, 2**31, 0)
    choice = _choice(gallery, asked)
    teacher, student = gallery.generate(
        choice,
        seeds=range(seed, seed + count),
        label=_whole(asked, "label", -1, gallery.classes - 1, -1),
        truncation=_share(asked, "truncation", 1.0),
        walk=_share(asked, "walk", 0.0),
    )
    return _answer(gallery, choice, teacher, student)


def _translate(gallery: Gallery, request: Any, body: bytes) -> dict[str, Any]:
    if gallery.fed is None or gallery.kind != "image":
        raise BadRequest(f"this network is fed no image ({gallery.kind})")
    choice = _choice(gallery, request.query_params)
    channels = gallery.inputs[gallery.fed].shape[0]
    try:
        _require_small(body)
        pixels, _ = decode(body, Form(channels, None, "none"))
    except BadRequest:
        raise
    # Whatever Pillow raises for what is no picture.
    except Exception as error:
        raise BadRequest("this is no picture that can be read; send a PNG or JPEG") from error
    image = to_float(torch.from_numpy(pixels))[None]
    fitted, teacher, student = gallery.translate(choice, image)
    return {"input": [_png(fitted[0])], **_answer(gallery, choice, teacher, student)}


def _paint(gallery: Gallery, request: Any, body: bytes) -> dict[str, Any]:
    if gallery.fed is None or gallery.kind != "label_map":
        raise BadRequest(f"this network is fed no label map ({gallery.kind})")
    choice = _choice(gallery, request.query_params)
    classes, height, width = gallery.inputs[gallery.fed].shape
    if len(body) != height * width or max(body) >= classes:
        raise BadRequest(f"a class, 0 to {classes - 1}, for each of {height}×{width} pixels")
    drawn = torch.frombuffer(bytearray(body), dtype=torch.uint8).view(height, width)
    teacher, student = gallery.paint(choice, drawn.long())
    return _answer(gallery, choice, teacher, student)


def _student(gallery: Gallery, request: Any, body: bytes) -> bytes:
    return gallery.file(_choice(gallery, request.query_params)).read_bytes()


def _require_small(body: bytes) -> None:
    with open_picture(body) as opened:
        if opened.width * opened.height > LARGEST_PICTURE:
            raise BadRequest(f"more than {LARGEST_PICTURE // 10**6} megapixels")


def _choice(gallery: Gallery, asked: Mapping[str, Any]) -> Choice:
    runtime = asked.get("runtime", PYTORCH)
    if runtime not in gallery.runtimes:
        raise BadRequest(f"runtime: one of {', '.join(gallery.runtimes)}")
    value = asked.get("size", 0)
    try:
        size = int(value)
    except (TypeError, ValueError) as error:
        raise BadRequest(f"size: {str(value)[:40]!r} is no number") from error
    if not 0 <= size < len(gallery.sizes):
        raise BadRequest(f"size: 0 to {len(gallery.sizes) - 1}")
    return Choice(size, runtime)


def _whole(asked: dict[str, Any], name: str, low: int, high: int, default: int) -> int:
    value = asked.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= max(high, low):
        raise BadRequest(f"{name}: a whole number from {low} to {max(high, low)}")
    return value


def _share(asked: dict[str, Any], name: str, default: float) -> float:
    value = asked.get(name, default)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise BadRequest(f"{name}: a number from 0 to 1")
    return float(value)


def _answer(
    gallery: Gallery, choice: Choice, teacher: Made | None, student: Made
) -> dict[str, Any]:
    shown = _shown(teacher) if teacher is not None else None
    return {"teacher": shown, "student": {**_shown(student), "bytes": gallery.bytes(choice)}}


def _shown(made: Made) -> dict[str, Any]:
    return {"images": [_png(image) for image in made.images], "ms": made.milliseconds}


def _png(image: torch.Tensor) -> str:
    data = io.BytesIO()
    picture_of(image).save(data, format="PNG")
    return f"data:image/png;base64,{base64.b64encode(data.getvalue()).decode('ascii')}"
