"""A black box behind an address: asked over HTTP, one request a sample, each paid for once."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from gancompress.batch import DRAWN, Batch, Input, InputSpec, batch_size
from gancompress.errors import OptionError, TeacherError
from gancompress.options import MOST_WORKERS, check_number, check_whole
from gancompress.teachers.exchange import Credential, Pace, Retry, post, require_plain_url
from gancompress.teachers.response_cache import ResponseCache, request_key
from gancompress.teachers.teacher import InputData, take_inputs
from gancompress.teachers.wire import Body, Decode, Encode, receive_png, send_json, send_png


@dataclass(frozen=True)
class Exchange:
    """How a service is talked to.

    Attributes:
        encode: a sample to a request body (:mod:`gancompress.teachers.wire`); None sends a lone
            image as a PNG, and anything else as JSON with images in base64.
        decode: an answer to a tensor; all answers have one shape.
        credential: where the service's key is to be found; None for an open service.
        timeout: seconds, see :func:`gancompress.teachers.exchange.post`.
        retry: when to try again.
        pace: how often to ask.
        workers: requests under way at once.
    """

    encode: Encode | None = None
    decode: Decode = receive_png
    credential: Credential | None = None
    timeout: float = 60.0
    retry: Retry = field(default_factory=lambda: Retry(attempts=5, base=1.0, longest=60.0))
    pace: Pace = field(default_factory=lambda: Pace(10.0))
    workers: int = 4


class RemoteTeacher:
    """A black box behind an address: a service that maps a sample to an image or to scores.

    Every answer is kept on disk as it arrives, and asked for there first.

    Args:
        url: the service takes POST requests here. No credentials in it.
        inputs: what it is fed.
        version: names the service and its version. Change it when the service changes: what is
            kept of the old one is then not used.
        cache: folder for the answers.
        exchange: how it is talked to.
        data: rows for inputs that cannot be drawn, as for
            :class:`gancompress.teachers.teacher.ModuleTeacher`.

    Raises:
        OptionError: there is no version, or a number is out of its range.
        TeacherError: the address holds or would leak a credential.
    """

    def __init__(
        self,
        url: str,
        inputs: Mapping[str, Input],
        *,
        version: str,
        cache: str | Path,
        exchange: Exchange | None = None,
        data: InputData | None = None,
    ) -> None:
        self.exchange = exchange or Exchange()
        if not version:
            raise OptionError("remote teacher: version: none; name the service and its version")
        check_number(self.exchange.timeout, "remote teacher: timeout", 0.001)
        check_whole(self.exchange.workers, "remote teacher: workers", 1, MOST_WORKERS)
        require_plain_url(url, self.exchange.credential)
        self.url = url
        self.inputs: InputSpec = dict(inputs)
        self.encode = self.exchange.encode or _encoder(self.inputs)
        self.fingerprint = version
        self.cache = ResponseCache(cache)
        self.data = data

    def sample_inputs(self, indices: Sequence[int], seed: int) -> Batch:
        """See :meth:`gancompress.teachers.teacher.FrozenTeacher.sample_inputs`."""
        return take_inputs(self.inputs, self.data, indices, seed)

    def __call__(self, batch: Batch) -> Tensor:
        """The answers for a batch: (N, ...) on the CPU.

        Raises:
            TeacherError: the service refuses, does not answer, or answers something else; the
                answers that had arrived are kept.
        """
        bodies = [
            self.encode({name: batch[name][row].detach().cpu() for name in self.inputs})
            for row in range(batch_size(batch))
        ]
        keys = [request_key(self.fingerprint, self.url, b.media_type, b.content) for b in bodies]
        # The same sample twice in a batch is one request.
        asked = dict(zip(keys, bodies, strict=True))
        with ThreadPoolExecutor(self.exchange.workers) as pool:
            answers = dict(zip(asked, pool.map(self._answer, asked, asked.values()), strict=True))
        shapes = {tuple(answer.shape) for answer in answers.values()}
        if len(shapes) > 1:
            raise TeacherError(f"{self.url}: answers of several shapes: {sorted(shapes)}")
        return torch.stack([answers[key] for key in keys])

    def _answer(self, key: str, body: Body) -> Tensor:
        kept = self.cache.get(key)
        if kept is not None:
            return self.exchange.decode(kept)
        response = post(
            self.url,
            body,
            key=key,
            credential=self.exchange.credential,
            timeout=self.exchange.timeout,
            retry=self.exchange.retry,
            pace=self.exchange.pace,
        )
        try:
            answer = self.exchange.decode(response)
        except TeacherError as error:
            raise TeacherError(f"{self.url}: answered {len(response)} bytes: {error}") from None
        self.cache.put(key, response)
        return answer


def _encoder(inputs: InputSpec) -> Encode:
    """A lone image as a PNG; anything else as JSON."""
    images = [name for name, entry in inputs.items() if entry.kind not in DRAWN]
    return send_png(images[0]) if len(inputs) == 1 and images else send_json(images=images)
