"""Recorded pairs of a teacher: inputs and outputs in memory-mapped shards with random access."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from gancompress.atomic import replacing
from gancompress.batch import Batch, InputSpec, concatenate
from gancompress.content import sha256_of
from gancompress.data.encoding import decode_inputs, encode_inputs, encode_output
from gancompress.data.images import Indices
from gancompress.data.manifest import (
    FILE,
    Manifest,
    Plan,
    Shard,
    read_manifest,
    require_same,
    shard_file,
    write_manifest,
)
from gancompress.errors import DataError

_OUTPUT = "output"
_INPUT = "input."
_MARK = "gancompress.pairs"


class Recordable(Protocol):
    """What recording needs of a teacher."""

    def sample_inputs(self, indices: Sequence[int], seed: int) -> Batch: ...

    def __call__(self, batch: Batch) -> Tensor: ...


class PairWriter:
    """Records pairs shard by shard; a shard is there whole or not at all.

    Opening a folder that was begun by the same plan goes on where it stopped; ``count`` may have
    grown. Several processes may write different shards of one folder.

    Args:
        path: folder of the store.
        plan: what is to be recorded.

    Raises:
        DataError: the folder holds pairs of another plan.
    """

    def __init__(self, path: str | Path, plan: Plan) -> None:
        self.path = Path(path)
        self.plan = plan
        if (self.path / FILE).is_file():
            found = read_manifest(self.path)
            require_same(self.path, found.plan, plan)
            if found.plan == plan:
                return
        write_manifest(self.path, Manifest(plan, None))

    def missing(self, rank: int = 0, ranks: int = 1) -> Iterator[int]:
        """The shards still to be written, of those that belong to process ``rank`` of ``ranks``."""
        return (shard for shard in range(rank, self.plan.shards, ranks) if not self._whole(shard))

    def rounded(self, batch: Batch) -> Batch:
        """A batch as the store will give it back; the teacher must be fed this one."""
        stored = encode_inputs(self.plan.inputs, batch, self.plan.latents)
        return decode_inputs(self.plan.inputs, stored)

    def write(self, shard: int, inputs: Batch, output: Tensor) -> None:
        """Write all samples of one shard, in order.

        Args:
            shard: its number.
            inputs: what the teacher was fed.
            output: what it answered, (n, ...).
        """
        expected = len(self.plan.samples(shard))
        if len(output) != expected:
            raise DataError(f"shard {shard}: {len(output)} pairs given, it holds {expected}")
        stored = encode_inputs(self.plan.inputs, inputs, self.plan.latents)
        tensors = {f"{_INPUT}{name}": value.contiguous() for name, value in stored.items()}
        tensors[_OUTPUT] = encode_output(output, self.plan.output).contiguous()
        with replacing(self.path / shard_file(shard)) as temporary:
            save_file(tensors, temporary, {_MARK: self._mark(shard)})

    def finish(self) -> None:
        """List every shard with its checksum; the store can be opened from then on.

        Raises:
            DataError: shards are missing, or differ in the shape of their outputs.
        """
        missing = list(self.missing())
        if missing:
            raise DataError(
                f"{self.path}: {len(missing)} of {self.plan.shards} shards are missing; "
                "record again to complete them"
            )
        shards, shapes = [], []
        for number in range(self.plan.shards):
            file, count = self.path / shard_file(number), len(self.plan.samples(number))
            shards.append(Shard(file.name, count, file.stat().st_size, sha256_of(file)))
            with safe_open(file, "pt") as opened:
                shapes.append(opened.get_slice(_OUTPUT).get_shape()[1:])
        _require_one_shape(self.path, shapes)
        write_manifest(self.path, Manifest(self.plan, tuple(shards)))
        # What a process was writing when it was killed.
        for half in self.path.glob(".shard-*.tmp"):
            half.unlink()

    def _whole(self, shard: int) -> bool:
        try:
            with safe_open(self.path / shard_file(shard), "pt") as file:
                return (file.metadata() or {}).get(_MARK) == self._mark(shard)
        except (OSError, SafetensorError):
            return False

    def _mark(self, shard: int) -> str:
        # One entry only: safetensors writes several in random order, and checksums would differ.
        return f"{self.plan.identity} {len(self.plan.samples(shard))}"


def record(
    teacher: Recordable,
    writer: PairWriter,
    *,
    batch_size: int,
    rank: int = 0,
    ranks: int = 1,
    progress: Callable[[int], object] = lambda pairs: None,
) -> None:
    """Write every missing shard that belongs to this process; the caller calls ``finish``.

    Args:
        teacher: what is recorded.
        writer: where to; its plan names the seed.
        batch_size: pairs a call of the teacher; it changes no input, and outputs only as far as
            the teacher's own arithmetic rounds differently.
        rank: number of this process.
        ranks: number of processes.
        progress: called with the number of pairs that were added.
    """
    for shard in writer.missing(rank, ranks):
        samples = writer.plan.samples(shard)
        inputs, outputs = [], []
        for start in range(0, len(samples), batch_size):
            indices = samples[start : start + batch_size]
            inputs.append(writer.rounded(teacher.sample_inputs(indices, writer.plan.seed)))
            outputs.append(teacher(inputs[-1]).cpu())
            progress(len(indices))
        _require_one_shape(writer.path, [output.shape[1:] for output in outputs])
        writer.write(shard, concatenate(inputs), torch.cat(outputs))


class PairStore:
    """A finished recording.

    Args:
        path: its folder.
        teacher: fingerprint of the teacher that it must be of; None takes any.

    Raises:
        DataError: it is not finished, a shard is missing or cut, or the teacher is another.
    """

    def __init__(self, path: str | Path, *, teacher: str | None = None) -> None:
        self.path = Path(path)
        manifest = read_manifest(self.path)
        if manifest.shards is None:
            raise DataError(f"{self.path}: the recording was not finished; record again to go on")
        if teacher is not None and teacher != manifest.plan.teacher:
            raise DataError(
                f"{self.path}: recorded from teacher {manifest.plan.teacher[:16]}, not from "
                f"{teacher[:16]}; record this teacher into another folder"
            )
        self.plan = manifest.plan
        self.shards = manifest.shards
        self._open: dict[int, dict[str, Tensor]] = {}
        for shard in self.shards:
            _require_size(self.path / shard.file, shard.bytes)

    def __len__(self) -> int:
        return self.plan.count

    @property
    def inputs(self) -> InputSpec:
        """The teacher's input specification."""
        return self.plan.inputs

    @property
    def train(self) -> range:
        """Indices for training."""
        return self.plan.training

    @property
    def held_out(self) -> range:
        """Indices that are kept away from training."""
        return self.plan.kept

    @property
    def fingerprint(self) -> str:
        """Changes whenever a byte of the recording does."""
        listed = json.dumps([self.plan.identity, [shard.sha256 for shard in self.shards]])
        return hashlib.sha256(listed.encode()).hexdigest()[:16]

    def batch(self, indices: Indices) -> tuple[Batch, Tensor]:
        """The pairs at ``indices``.

        Returns:
            (inputs as float32, outputs as stored: uint8 images (n, C, H, W), or floats).
        """
        stored = self.stored(torch.as_tensor(indices, dtype=torch.int64))
        output = stored.pop(_OUTPUT)
        named = {name.removeprefix(_INPUT): value for name, value in stored.items()}
        return decode_inputs(self.plan.inputs, named), output

    def stored(self, indices: Tensor) -> dict[str, Tensor]:
        """The tensors at ``indices`` in the form they have on disk."""
        if len(indices) and not 0 <= int(indices.min()) <= int(indices.max()) < len(self):
            raise IndexError(f"pairs {indices.min()}…{indices.max()} of {len(self)}")
        if len(indices) == 0:
            return {name: value[:0] for name, value in self.shard(0).items()}
        # One gather per shard and tensor, then one copy to the places that were asked for.
        order, size = indices.argsort(), self.plan.shard_size
        counts = (indices // size).bincount(minlength=len(self.shards)).tolist()
        parts = [
            {name: value.index_select(0, rows) for name, value in self.shard(number).items()}
            for number, rows in enumerate(torch.split(indices[order] % size, counts))
            if len(rows)
        ]
        gathered = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
        return {
            name: torch.empty_like(value).index_copy_(0, order, value)
            for name, value in gathered.items()
        }

    def shard(self, number: int) -> dict[str, Tensor]:
        """The memory-mapped tensors of one shard: ``output`` and ``input.<name>``."""
        if number not in self._open:
            file = self.path / self.shards[number].file
            try:
                with safe_open(file, "pt") as opened:
                    tensors = {name: opened.get_tensor(name) for name in sorted(opened.keys())}
            except (OSError, SafetensorError) as error:
                raise DataError(f"{file}: damaged ({error}); record this shard again") from error
            self._open[number] = tensors
        return self._open[number]

    def labels(self, name: str) -> Tensor:
        """The class of every pair by its one-hot input ``name``, int64 (n,)."""
        shards = [self.shard(number)[f"{_INPUT}{name}"] for number in range(len(self.shards))]
        return torch.cat(shards).to(torch.int64)

    def verify(self) -> None:
        """Compare every shard with its checksum.

        Raises:
            DataError: naming the shards that differ.
        """
        bad = [one.file for one in self.shards if sha256_of(self.path / one.file) != one.sha256]
        if bad:
            raise DataError(
                f"{self.path}: checksum differs in {', '.join(bad)}; remove them and record again"
            )


def _require_one_shape(path: Path, shapes: Sequence[Sequence[int]]) -> None:
    different = sorted({tuple(shape) for shape in shapes})
    if len(different) > 1:
        raise DataError(
            f"{path}: outputs of the shapes {', '.join(str(shape) for shape in different)}; "
            "bring the teacher's inputs to one size"
        )


def _require_size(file: Path, size: int) -> None:
    found = file.stat().st_size if file.is_file() else None
    if found != size:
        what = "missing" if found is None else f"cut or changed ({found} bytes, not {size})"
        raise DataError(f"{file}: {what}; remove it and record again")
