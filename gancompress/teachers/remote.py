"""A black box behind an address: asked over HTTP, one request a sample, each paid for once."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from torch import Tensor

from gancompress.batch import Batch, Input, InputSpec, batch_size
from gancompress.errors import TeacherError
from gancompress.teachers.exchange import Credential, Pace, Retry, post, require_plain_url
from gancompress.teachers.response_cache import ResponseCache, request_key
from gancompress.teachers.teacher import InputData, take_inputs
from gancompress.teachers.wire import Body, Decode, Encode


class RemoteTeacher:
    """A service that maps a sample to an image or to scores.

    Every answer is kept on disk as it arrives, and asked for there first.

    Args:
        url: the service takes POST requests here. No credentials in it.
        inputs: what it is fed.
        encode: a sample to a request body (:mod:`gancompress.teachers.wire`).
        decode: an answer to a tensor; all answers have one shape.
        fingerprint: names the service and its version. Change it when the service changes: what is
            kept of the old one is then not used.
        cache: folder for the answers.
        credential: where the service's key is to be found; None for an open service.
        timeout: seconds, see :func:`gancompress.teachers.exchange.post`.
        retry: when to try again.
        pace: how often to ask.
        workers: requests under way at once.
        data: rows for inputs that cannot be drawn, as for
            :class:`gancompress.teachers.teacher.ModuleTeacher`.

    Raises:
        TeacherError: the address holds or would leak a credential.
    """

    def __init__(
        self,
        url: str,
        inputs: Mapping[str, Input],
        *,
        encode: Encode,
        decode: Decode,
        fingerprint: str,
        cache: str | Path,
        credential: Credential | None,
        timeout: float,
        retry: Retry,
        pace: Pace,
        workers: int,
        data: InputData | None = None,
    ) -> None:
        require_plain_url(url, credential)
        self.url = url
        self.inputs: InputSpec = dict(inputs)
        self.encode, self.decode = encode, decode
        self.fingerprint = fingerprint
        self.cache = ResponseCache(cache)
        self.credential = credential
        self.timeout, self.retry, self.pace, self.workers = timeout, retry, pace, workers
        self.data = data

    def sample_inputs(self, indices: Sequence[int], seed: int) -> Batch:
        """See :meth:`gancompress.teachers.teacher.Teacher.sample_inputs`."""
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
        with ThreadPoolExecutor(self.workers) as pool:
            answers = dict(zip(asked, pool.map(self._answer, asked, asked.values()), strict=True))
        shapes = {tuple(answer.shape) for answer in answers.values()}
        if len(shapes) > 1:
            raise TeacherError(f"{self.url}: answers of several shapes: {sorted(shapes)}")
        return torch.stack([answers[key] for key in keys])

    def _answer(self, key: str, body: Body) -> Tensor:
        kept = self.cache.get(key)
        if kept is not None:
            return self.decode(kept)
        response = post(
            self.url,
            body,
            key=key,
            credential=self.credential,
            timeout=self.timeout,
            retry=self.retry,
            pace=self.pace,
        )
        try:
            answer = self.decode(response)
        except TeacherError as error:
            raise TeacherError(f"{self.url}: answered {len(response)} bytes: {error}") from None
        self.cache.put(key, response)
        return answer
