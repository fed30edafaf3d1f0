"""How one request gets its answer in the end: timeouts, retries, pauses, and a secret kept.

Back-off is exponential with jitter, so that clients that failed together do not come back together;
a service that says when to come back (Retry-After) is taken at its word.
"""

import http.client
import os
import queue
import random
import re
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import Any

from gancompress.errors import TeacherError
from gancompress.teachers.wire import Body

# Worth another try: the service is busy, restarting, or asks for patience.
_PASSING = {408, 425, 429, 500, 502, 503, 504}
# An answer is an image or scores; more than this is something else.
_LARGEST_ANSWER = 1 << 26
_SECRET_NAMES = re.compile(r"(?i)^(.*[-_])?(key|apikey|token|secret|password|signature|sig|auth)$")


@dataclass(frozen=True)
class Credential:
    """Where a service's credential is; the credential itself is never held.

    Attributes:
        variable: environment variable that it is read from at every request.
        header: that carries it.
        form: of the header's value.
    """

    variable: str
    header: str = "Authorization"
    form: str = "Bearer {}"

    def value(self) -> str:
        """The header's value.

        Raises:
            TeacherError: the variable is not set, or holds what no header may; without its value.
        """
        secret = os.environ.get(self.variable, "").strip()
        if not secret:
            raise TeacherError(f"environment variable {self.variable}: not set; put the key there")
        if not (secret.isascii() and secret.isprintable()):
            raise TeacherError(
                f"environment variable {self.variable}: holds characters that no header may; "
                "copy the key again"
            )
        return self.form.format(secret)


class Pace:
    """At most so many requests a second, for all threads together, and pauses for all of them.

    Args:
        rate: requests a second.
        clock: seconds that only go forward.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        rate: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not rate > 0:
            raise TeacherError(f"rate {rate}: must be more than 0 requests a second")
        self.interval, self.clock, self.sleep = 1 / rate, clock, sleep
        self._next = clock()
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Wait for this thread's turn."""
        with self._lock:
            turn = max(self._next, self.clock())
            self._next = turn + self.interval
        if (remaining := turn - self.clock()) > 0:
            self.sleep(remaining)

    def pause(self, seconds: float) -> None:
        """Let nobody begin for so many seconds."""
        with self._lock:
            self._next = max(self._next, self.clock() + seconds)


@dataclass(frozen=True)
class Retry:
    """When to try again.

    Attributes:
        attempts: in all.
        base: seconds before the second one; doubled from then on.
        longest: no wait is longer; a service that asks for a longer one is given up.
    """

    attempts: int
    base: float
    longest: float

    def delay(self, attempt: int) -> float:
        """Seconds to wait after the failure of ``attempt`` (from 0): between half and all of it."""
        return min(self.longest, self.base * 2.0**attempt) * random.uniform(0.5, 1.0)


class _Passing(Exception):
    """A failure that may pass, and the seconds that the service asks to be left alone for."""

    def __init__(self, what: str, wait: float = 0.0) -> None:
        super().__init__(what)
        self.wait = wait


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Following a redirect would hand the credential to another host."""

    def redirect_request(self, *_: object) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)


def require_plain_url(url: str, credential: Credential | None) -> None:
    """Refuse addresses that would show or leak a credential.

    Raises:
        TeacherError: it is no http(s) address, holds a credential, or would send one unencrypted.
    """
    parts = urllib.parse.urlsplit(url)
    shown = f"{parts.scheme}://{parts.hostname}{parts.path}"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise TeacherError(f"service address {shown!r}: must begin with https:// (or http://)")
    names = urllib.parse.parse_qs(parts.query, keep_blank_values=True)
    if parts.username or parts.password or any(map(_SECRET_NAMES.match, names)):
        raise TeacherError(
            f"service address {shown}: holds a credential; put it into an environment variable and "
            "name that"
        )
    if credential and parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1"):
        raise TeacherError(f"service address {shown}: a credential goes over https:// only")


def post(
    url: str,
    body: Body,
    *,
    key: str,
    credential: Credential | None,
    timeout: float,
    retry: Retry,
    pace: Pace,
) -> bytes:
    """Send ``body`` until there is an answer.

    Args:
        url: of the service.
        body: what is sent.
        key: the same in every attempt (Idempotency-Key), so that a service can charge once.
        credential: where the credential is.
        timeout: seconds for an answer to begin, and for it to be complete from then on.
        retry: when to try again.
        pace: shared by all requests to the service.

    Raises:
        TeacherError: the service refuses, or failed every time.
    """
    for attempt in range(retry.attempts):
        pace.wait()
        try:
            return _attempt(url, body, key, credential, timeout, pace.clock)
        except _Passing as failure:
            if failure.wait > retry.longest:
                raise TeacherError(
                    f"{_shown(url)}: {failure}; it asks to wait {failure.wait:.0f} s, more than "
                    f"the {retry.longest:.0f} s allowed; start again then, answers are kept"
                ) from None
            last = failure
            if attempt + 1 < retry.attempts:
                pace.pause(max(failure.wait, retry.delay(attempt)))
    raise TeacherError(
        f"{_shown(url)}: {last} ({retry.attempts} attempts); start again later, answers are kept"
    )


def _attempt(
    url: str,
    body: Body,
    key: str,
    credential: Credential | None,
    timeout: float,
    clock: Callable[[], float],
) -> bytes:
    headers = {"Content-Type": body.media_type, "Idempotency-Key": key}
    if credential:
        headers[credential.header] = credential.value()
    request = urllib.request.Request(url, body.content, headers, method="POST")
    # Causes are cut off: an error of the library may hold the request with its headers.
    try:
        with _begun(request, timeout) as response:
            return _read(response, clock() + timeout, clock)
    except urllib.error.HTTPError as error:
        status, answer = error.code, error.headers
        error.close()
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise TeacherError(f"{_shown(url)}: its certificate cannot be verified") from None
        raise _Passing(f"no answer ({type(reason).__name__})") from None
    phrase = f"status {status} {http.client.responses.get(status, '')}".strip()
    if status in _PASSING:
        raise _Passing(phrase, _retry_after(answer))
    hint = f"; is {credential.variable} right?" if credential and status in (401, 403) else ""
    moved = "; give the address it has moved to" if 300 <= status < 400 else ""
    raise TeacherError(f"{_shown(url)}: {phrase}{hint}{moved}") from None


def _begun(request: urllib.request.Request, timeout: float) -> http.client.HTTPResponse:
    """The answer once its headers are there, within ``timeout`` seconds in all.

    The timeout of a socket is that of its next byte: headers could be sent for ever.
    """
    found: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found.put(_OPENER.open(request, timeout=timeout))
        except BaseException as error:  # raised where it is waited for
            found.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = found.get(timeout=timeout)
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(answer, BaseException):
        raise answer
    response: http.client.HTTPResponse = answer
    return response


def _read(response: http.client.HTTPResponse, deadline: float, clock: Callable[[], float]) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while chunk := response.read1(1 << 16):
        chunks.append(chunk)
        size += len(chunk)
        if size > _LARGEST_ANSWER:
            raise TeacherError(f"an answer of more than {_LARGEST_ANSWER >> 20} MiB")
        if clock() > deadline:
            raise TimeoutError
    declared = response.headers.get("Content-Length")
    if declared is not None and _is_number(declared) and size < int(declared):
        raise http.client.IncompleteRead(b"")
    return b"".join(chunks)


def _retry_after(headers: Message) -> float:
    """Seconds, from either form of the header; 0 where there is none."""
    text = (headers.get("Retry-After") or "").strip()
    if _is_number(text):
        return float(text)
    try:
        until = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return 0.0
    if until.tzinfo is None:
        until = until.replace(tzinfo=timezone.utc)
    return max(0.0, (until - datetime.now(timezone.utc)).total_seconds())


def _is_number(text: str) -> bool:
    """Whether it is digits 0 to 9, and not so many that no number is meant."""
    return text.isascii() and text.isdigit() and len(text) <= 20


def _shown(url: str) -> str:
    parts = urllib.parse.urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"
