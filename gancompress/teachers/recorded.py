"""A black box that is gone: only what it was asked and what it answered is left."""

import hashlib
from collections.abc import Iterator, Sequence
from functools import cached_property

import torch
from torch import Tensor

from gancompress.batch import Batch, InputSpec, batch_size
from gancompress.data.encoding import decode_output
from gancompress.data.pairs import PairStore
from gancompress.errors import TeacherError

# Pairs read at a time while the index is made.
_CHUNK = 1024


class RecordedTeacher:
    """Answers for the inputs that were recorded, and for no others.

    Args:
        store: the recording. Sample *i* is pair ``i % len(store)``, whatever the seed.
    """

    def __init__(self, store: PairStore) -> None:
        self.store = store

    @property
    def inputs(self) -> InputSpec:
        """The inputs of the teacher that was recorded."""
        return self.store.inputs

    @property
    def fingerprint(self) -> str:
        """Of the recording: another recording of the same teacher is another teacher."""
        return f"recorded-{self.store.fingerprint}"

    def sample_inputs(self, indices: Sequence[int], seed: int) -> Batch:
        """See :meth:`gancompress.teachers.teacher.FrozenTeacher.sample_inputs`."""
        return self.store.batch([index % len(self.store) for index in indices])[0]

    def __call__(self, batch: Batch) -> Tensor:
        """The recorded outputs: images in [-1, 1], or values as they were stored.

        Raises:
            TeacherError: an input is not in the recording.
        """
        places = [self._index.get(key) for key in self._keys(batch)]
        if None in places:
            raise TeacherError(
                f"{self.store.path}: sample {places.index(None)} of the batch was not recorded; a "
                "recorded teacher answers only for the inputs that it gives itself"
            )
        output = self.store.batch(torch.tensor(places, dtype=torch.int64))[1]
        return decode_output(output)

    @cached_property
    def _index(self) -> dict[bytes, int]:
        """Place of each recorded input, by its digest."""
        index: dict[bytes, int] = {}
        for start in range(0, len(self.store), _CHUNK):
            stop = min(start + _CHUNK, len(self.store))
            keys = self._keys(self.store.batch(torch.arange(start, stop))[0])
            for place, key in enumerate(keys, start):
                index.setdefault(key, place)
        return index

    def _keys(self, batch: Batch) -> Iterator[bytes]:
        missing = self.inputs.keys() - batch.keys()
        if missing:
            raise TeacherError(f"{self.store.path}: the batch lacks {', '.join(sorted(missing))}")
        columns = [batch[name].detach().cpu().float().contiguous() for name in self.inputs]
        for row in range(batch_size(batch)):
            digest = hashlib.blake2b(digest_size=16)
            for column in columns:
                digest.update(column[row].numpy().data)
            yield digest.digest()
