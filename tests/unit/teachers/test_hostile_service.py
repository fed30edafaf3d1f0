"""A service that answers without end, or with what is no number."""

import socket
import threading
import urllib.request
from collections.abc import Iterator
from email.message import Message

import pytest

from gancompress.errors import TeacherError
from gancompress.teachers.exchange import _begun, _retry_after
from gancompress.teachers.wire import receive_scores


@pytest.fixture
def dribbling() -> Iterator[str]:
    """Sends a header a byte at a time, each well within the timeout, and never the last one."""
    stop = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            while not stop.wait(0.02):
                connection.sendall(b"x")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}/"
    stop.set()
    thread.join()
    server.close()


def test_headers_that_do_not_end_are_given_up(dribbling: str) -> None:
    with pytest.raises(TimeoutError):
        _begun(urllib.request.Request(dribbling, b"", method="POST"), 0.5)


@pytest.mark.parametrize(
    ("text", "seconds"), [("²", 0.0), ("9" * 400, 0.0), ("-1", 0.0), ("", 0.0), ("30", 30.0)]
)
def test_a_time_to_come_back_is_a_number_or_none(text: str, seconds: float) -> None:
    headers = Message()
    headers["Retry-After"] = text
    assert _retry_after(headers) == seconds


@pytest.mark.parametrize(
    "answer",
    ["[1, %s]", '{"a": 1, "b": %s}', '[{"tag": "a", "score": %s}]'],
)
def test_scores_of_400_digits_are_refused(answer: str) -> None:
    decode = receive_scores(["a", "b"])
    with pytest.raises(TeacherError, match="not finite"):
        decode((answer % ("9" * 400)).encode())
