"""A service over HTTP as the teacher: a real server here that throttles, fails and stalls."""

import io
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gancompress.batch import Input
from gancompress.errors import TeacherError
from gancompress.teachers.exchange import Credential, Pace, Retry
from gancompress.teachers.remote import Exchange, RemoteTeacher
from gancompress.teachers.teacher import FrozenTeacher
from gancompress.teachers.wire import receive_scores

SECRET = "sk-very-secret-0815"
IMAGE = {"image": Input("image", (3, 8, 8))}
ROWS = [{"image": torch.full((3, 8, 8), value / 127.5 - 1)} for value in (0.0, 51.0, 204.0)]

Act = Callable[["Service"], None]


class Service(BaseHTTPRequestHandler):
    """Does what its script says, one act a request; without a script it answers."""

    protocol_version = "HTTP/1.1"
    script: list[Act]
    requests: list[tuple[dict[str, str], bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.requests.append((dict(self.headers), body))
        (self.script.pop(0) if self.script else answer)(self)

    def reply(self, status: int, content: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", headers.pop("length", str(len(content))))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


def answer(service: Service) -> None:
    """Inverts a PNG; scores the brightness of one in JSON; doubles numbers."""
    body = service.requests[-1][1]
    if service.headers["Content-Type"] == "image/png":
        pixels = np.asarray(Image.open(io.BytesIO(body)))
        if service.path == "/scores":
            service.reply(200, json.dumps({"bright": pixels.mean() / 255, "odd": 1}).encode())
            return
        file = io.BytesIO()
        Image.fromarray(255 - pixels).save(file, "PNG")
        service.reply(200, file.getvalue())
        return
    doubled = [2 * value for value in json.loads(body)["z"]]
    service.reply(200, json.dumps({"result": [{"scores": doubled}]}).encode())


def fail(status: int, content: bytes = b"", **headers: str) -> Act:
    return lambda service: service.reply(status, content, **headers)


def hang_up(service: Service) -> None:
    service.close_connection = True
    service.connection.close()


def cut_short(service: Service) -> None:
    service.reply(200, b"half", length="999")
    service.close_connection = True


def stall(service: Service) -> None:
    time.sleep(0.5)
    service.close_connection = True


def drip(service: Service) -> None:
    """Begins at once, then a byte now and then: each read succeeds, the answer never ends."""
    service.send_response(200)
    service.send_header("Content-Length", "100")
    service.end_headers()
    try:
        for _ in range(20):
            service.wfile.write(b"x")
            service.wfile.flush()
            time.sleep(0.05)
    except OSError:
        pass
    service.close_connection = True


@contextmanager
def serving(*script: Act) -> Iterator[tuple[str, type[Service]]]:
    """The address of a server that follows ``script``, and its notes."""
    notes = {"script": list(script), "requests": []}
    handler = type("Scripted", (Service,), notes)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", handler
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class Time:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def teacher(url: str, cache: Path, version: str = "inverter-1", **changes: Any) -> RemoteTeacher:
    settings: dict[str, Any] = {
        "timeout": 0.25,
        "retry": Retry(attempts=4, base=0.001, longest=0.01),
        "pace": Pace(1e6),
        "workers": 1,
    }
    exchange = Exchange(**{**settings, **changes})
    return RemoteTeacher(url, IMAGE, version=version, cache=cache, exchange=exchange, data=ROWS)


def ask(asked: RemoteTeacher, *indices: int) -> torch.Tensor:
    return asked(asked.sample_inputs(indices or [0], 0))


def test_images_go_there_and_come_back(tmp_path: Path) -> None:
    with serving() as (url, _):
        asked = teacher(url, tmp_path, workers=3)
        assert isinstance(asked, FrozenTeacher)
        output = ask(asked, 0, 1, 2)
    assert torch.equal(output, -torch.stack([row["image"] for row in ROWS]))


def test_scores_come_back_in_the_order_of_the_vocabulary(tmp_path: Path) -> None:
    with serving() as (url, _):
        decode = receive_scores(["dark", "bright"])
        output = ask(teacher(f"{url}/scores", tmp_path, decode=decode), 1, 2)
    assert torch.allclose(output, torch.tensor([[0.0, 0.2], [0.0, 0.8]]))


def test_json_goes_there_and_back(tmp_path: Path) -> None:
    with serving() as (url, _):
        asked = RemoteTeacher(
            url,
            {"z": Input("normal", (4,))},
            version="doubler",
            cache=tmp_path,
            exchange=Exchange(decode=receive_scores(["a", "b", "c", "d"], "result.0.scores")),
        )
        batch = asked.sample_inputs([3, 4], 7)
        assert torch.allclose(asked(batch), 2 * batch["z"])


@pytest.mark.parametrize(
    "act",
    [fail(500), fail(503), fail(429), fail(408), hang_up, cut_short, stall, drip],
    ids=["500", "503", "429", "408", "hang-up", "cut-short", "stall", "drip"],
)
def test_passing_failure_is_tried_again(act: Act, tmp_path: Path) -> None:
    with serving(act) as (url, service):
        output = ask(teacher(url, tmp_path))
        assert len(service.requests) == 2
        keys = {headers["Idempotency-Key"] for headers, _ in service.requests}
    assert torch.equal(output[0], -ROWS[0]["image"])
    assert len(keys) == 1


def test_attempts_end(tmp_path: Path) -> None:
    with serving(*[fail(500)] * 9) as (url, service):
        with pytest.raises(TeacherError, match=r"status 500.*\(4 attempts\).*answers are kept"):
            ask(teacher(url, tmp_path))
        assert len(service.requests) == 4


@pytest.mark.parametrize("status", [301, 400, 401, 404])
def test_refusal_is_not_tried_again(status: int, tmp_path: Path) -> None:
    with serving(fail(status, Location="http://127.0.0.1:1/elsewhere")) as (url, service):
        with pytest.raises(TeacherError, match=f"status {status}"):
            ask(teacher(url, tmp_path))
        assert len(service.requests) == 1


def test_waits_double_with_jitter(tmp_path: Path) -> None:
    waits = []
    for _ in range(2):
        now = Time()
        with serving(*[fail(500)] * 3) as (url, _):
            pace = Pace(1e9, now.clock, now.sleep)
            retry = Retry(attempts=4, base=8.0, longest=1000.0)
            ask(teacher(url, tmp_path / str(len(waits)), pace=pace, retry=retry))
        waits.append(now.slept)
    assert all(4 * 2**i <= slept <= 8 * 2**i for w in waits for i, slept in enumerate(w))
    assert len(waits[0]) == 3
    assert waits[0] != waits[1]


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_honoured(form: str, tmp_path: Path) -> None:
    text = "30" if form == "seconds" else formatdate(time.time() + 30, usegmt=True)
    now = Time()
    with serving(fail(429, Retry_After=text)) as (url, _):
        retry = Retry(attempts=2, base=0.001, longest=60.0)
        ask(teacher(url, tmp_path, pace=Pace(1e9, now.clock, now.sleep), retry=retry))
    assert sum(now.slept) == pytest.approx(30, abs=1.5)


def test_retry_after_beyond_the_limit_gives_up(tmp_path: Path) -> None:
    with serving(fail(503, Retry_After="86400")) as (url, service):
        with pytest.raises(TeacherError, match="asks to wait 86400 s"):
            ask(teacher(url, tmp_path))
        assert len(service.requests) == 1


def test_rate_is_kept_by_all_workers_together(tmp_path: Path) -> None:
    slept: list[float] = []
    with serving() as (url, _):
        pace = Pace(20.0, lambda: 100.0, slept.append)  # time stands still
        ask(teacher(url, tmp_path, pace=pace, workers=3), 0, 1, 2)
    assert sorted(slept) == pytest.approx([0.05, 0.1])


def test_nothing_is_paid_for_twice(tmp_path: Path) -> None:
    with serving() as (url, service):
        first = ask(teacher(url, tmp_path), 0, 1, 3, 0)  # 3 is row 0 again
        second = ask(teacher(url, tmp_path), 1, 0)  # a new process would do the same
        assert len(service.requests) == 2
    assert torch.equal(second, first[[1, 0]])


def test_answers_that_arrived_before_a_failure_are_kept(tmp_path: Path) -> None:
    with serving(answer, fail(400)) as (url, service):
        with pytest.raises(TeacherError):
            ask(teacher(url, tmp_path), 0, 1)
        ask(teacher(url, tmp_path), 0, 1)
        assert len(service.requests) == 3


def test_another_version_of_the_service_is_asked_anew(tmp_path: Path) -> None:
    with serving() as (url, service):
        ask(teacher(url, tmp_path))
        ask(teacher(url, tmp_path, version="inverter-2"))
        assert len(service.requests) == 2


def test_damaged_answer_on_disk_is_asked_for_again(tmp_path: Path) -> None:
    with serving() as (url, service):
        ask(teacher(url, tmp_path))
        (kept,) = (file for file in tmp_path.rglob("*") if file.is_file())
        kept.write_bytes(kept.read_bytes()[:-1])
        ask(teacher(url, tmp_path))
        assert len(service.requests) == 2


def test_answer_that_is_no_image_is_refused_and_not_kept(tmp_path: Path) -> None:
    refused = pytest.raises(TeacherError, match="answered 6 bytes: not an image")
    with serving(fail(200, b"<html>")) as (url, _), refused:
        ask(teacher(url, tmp_path))
    assert not any(file.is_file() for file in tmp_path.rglob("*"))


def test_credential_is_sent_and_shows_nowhere(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("INVERTER_KEY", SECRET)
    caplog.set_level(logging.DEBUG)
    credential = Credential("INVERTER_KEY")
    echo = fail(401, f"no such key: {SECRET}".encode(), X_Echo=SECRET)
    with serving(answer, echo, *[hang_up] * 4) as (url, service):
        asked = teacher(url, tmp_path, credential=credential)
        ask(asked, 0)
        errors = []
        for index in (1, 2):
            with pytest.raises(TeacherError) as caught:
                ask(asked, index)
            errors.append(caught.value)
        assert service.requests[0][0]["Authorization"] == f"Bearer {SECRET}"
    said = [str(errors), repr(asked), repr(vars(asked)), repr(credential), caplog.text]
    said += [repr((e.__cause__, e.__suppress_context__ or e.__context__)) for e in errors]
    said += list(capfd.readouterr())
    said += [file.read_bytes().decode("latin-1") for file in tmp_path.rglob("*") if file.is_file()]
    assert not any(SECRET in text for text in said)
    assert "INVERTER_KEY" in str(errors[0])


@pytest.mark.parametrize("value", ["", " ", f"{SECRET}\nX-Evil: 1", f"{SECRET}é"])
def test_unusable_credential_is_named_and_not_shown(
    value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INVERTER_KEY", value)
    with serving() as (url, service):
        with pytest.raises(TeacherError, match="environment variable INVERTER_KEY") as caught:
            ask(teacher(url, tmp_path, credential=Credential("INVERTER_KEY")))
        assert service.requests == []
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (f"https://user:{SECRET}@example.org/", "holds a credential"),
        (f"https://example.org/?api_key={SECRET}", "holds a credential"),
        ("http://example.org/", "https:// only"),
        ("file:///etc/passwd", "must begin with https"),
    ],
)
def test_address_that_would_leak_is_refused(url: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(TeacherError, match=message) as caught:
        teacher(url, tmp_path, credential=Credential("INVERTER_KEY"))
    assert SECRET not in str(caught.value)


def test_redirect_does_not_carry_the_credential_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INVERTER_KEY", SECRET)
    with serving() as (other, thief), serving(fail(307, Location=other)) as (url, _):
        with pytest.raises(TeacherError, match="moved"):
            ask(teacher(url, tmp_path, credential=Credential("INVERTER_KEY")))
        assert thief.requests == []
