"""Reading what ``torch.save`` wrote, as data: first as claims, then, found sound, as tensors.

``torch.load(weights_only=True)`` does not execute a file, but it allocates what a few bytes ask
for, and it ends at the first object that is no tensor. So the pickle inside is read as data, every
storage is compared with the bytes that are there and every tensor with its storage; the bytes of a
storage are read when a tensor of it is asked for.
"""

import io
import math
import mmap
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from gancompress.errors import TeacherError
from gancompress.teachers.not_a_checkpoint import PROGRAM, refuse_zip
from gancompress.teachers.pickle_machine import Allowance, MalformedError
from gancompress.teachers.safe_pickle import Stream, read_pickle
from gancompress.teachers.torch_claims import (
    TORCH_BUILDERS,
    StorageClaim,
    TensorClaim,
    claim_storage,
)

# First pickle of the format that torch.save wrote before version 1.6, and still nests.
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_START = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
ZIP_START = b"PK\x03\x04"

# Opens the file, or what is nested in another, at its start.
Open = Callable[[], BinaryIO]


@dataclass(frozen=True)
class ReadFile:
    """A file that was read as data.

    Attributes:
        where: names it in errors.
        tree: its object: plain data, :class:`TensorClaim` and
            :class:`gancompress.teachers.inert.Inert`.
        skipped: classes and functions that it names and that stay data.
        content: gives the bytes of a storage.
    """

    where: str
    tree: Any
    skipped: tuple[str, ...]
    content: Callable[[StorageClaim], bytearray]
    _storages: dict[str | int, Tensor] = field(default_factory=dict)

    def tensor(self, claim: TensorClaim) -> Tensor:
        """The tensor of ``claim``, on the CPU; views of one storage share its memory.

        Raises:
            TeacherError: the bytes are not those that were written.
        """
        source, dtype = claim.storage.source, claim.storage.dtype
        if not math.prod(claim.shape):
            return torch.empty(claim.shape, dtype=dtype)
        key = source if isinstance(source, str) else id(source)
        if key not in self._storages:
            content = self.content(claim.storage)
            count = len(content) // dtype.itemsize
            self._storages[key] = torch.frombuffer(content, dtype=dtype, count=count)
        return self._storages[key].as_strided(claim.shape, claim.stride, claim.offset)

    def forget(self) -> None:
        """Let storages go that were kept because several tensors may share one."""
        self._storages.clear()


def read_torch_file(path: Path) -> ReadFile:
    """What the ``torch.save`` file at ``path`` holds.

    Raises:
        UnsafeFileError: it names a global that can only do harm; nothing was executed.
        TeacherError: truncated, malformed, or claiming more than it holds.
    """

    def open_file() -> BinaryIO:
        return path.open("rb")

    with open_file() as file:
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            raise TeacherError(f"{path}: empty; download it again")
        if file.read(len(ZIP_START)) == ZIP_START:
            return read_zip(open_file, size, str(path))
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
            return read_legacy(view, open_file, size, str(path))


def read_nested(content: bytes, where: str, allowance: Allowance) -> ReadFile:
    """What the ``torch.save`` inside ``content`` holds; raises as :func:`read_torch_file`."""

    def open_content() -> BinaryIO:
        return io.BytesIO(content)

    if content.startswith(ZIP_START):
        return read_zip(open_content, len(content), where, allowance)
    return read_legacy(io.BytesIO(content), open_content, len(content), where, allowance)


def read_legacy(
    stream: Stream, open_file: Open, size: int, where: str, allowance: Allowance | None = None
) -> ReadFile:
    """Read a file of the old format: five pickles, then the bytes of each storage.

    Args:
        stream: at the start of the file.
        open_file: opens it again.
        size: of the file in bytes.
        where: names it in errors.
        allowance: steps that are left to it; None: all.
    """
    allowance = allowance or Allowance()
    storages: dict[str, StorageClaim] = {}
    skipped: dict[str, None] = {}
    plain = partial(read_pickle, stream, where, {}, allowance=allowance)
    if plain() != _LEGACY_MAGIC:
        raise TeacherError(f"{where}: not written by torch.save")
    plain()  # protocol version
    machine = plain()
    if isinstance(machine, dict) and machine.get("little_endian") is False:
        raise TeacherError(f"{where}: {_BIG_ENDIAN}")
    collector = _collector(storages)
    tree = read_pickle(stream, where, TORCH_BUILDERS, collector, skipped, allowance)
    keys = plain()
    texts = isinstance(keys, list) and all(type(key) is str for key in keys)
    if not texts or sorted(keys) != sorted(storages):
        raise TeacherError(f"{where}: its list of storages does not fit its tensors")
    # Each storage is written as its length in eight bytes, then its elements.
    places, place = {}, stream.tell()
    for key in keys:
        places[key] = place
        place += 8 + storages[key].nbytes
    if place > size:
        raise TeacherError(
            f"{where}: claims {place - stream.tell():,} bytes of tensors but holds "
            f"{size - stream.tell():,}; truncated or made to exhaust the memory: download it again"
        )

    def content(storage: StorageClaim) -> bytearray:
        with open_file() as file:
            file.seek(places[str(storage.source)])
            (length,) = struct.unpack("<q", file.read(8))
            if length != storage.numel:
                raise TeacherError(
                    f"{where}: storage {storage.source!r} has {length:,} numbers, its tensors were "
                    f"made for {storage.numel:,}; damaged: download it again"
                )
            return _exactly(file, storage.nbytes, where)

    return ReadFile(where, tree, tuple(skipped), content)


_SCRIPT = f"a TorchScript program, not weights. {PROGRAM}"
_BIG_ENDIAN = "written on a big-endian machine; load it there and save it with safetensors"


def read_zip(
    open_file: Open, size: int, where: str, allowance: Allowance | None = None
) -> ReadFile:
    """Read a file of the format of torch 1.6 and later; arguments as :func:`read_legacy`."""
    storages: dict[str, StorageClaim] = {}
    skipped: dict[str, None] = {}
    records, root, pickle = _records(open_file, size, where)
    stream, collector = io.BytesIO(pickle), _collector(storages)
    tree = read_pickle(stream, where, TORCH_BUILDERS, collector, skipped, allowance)
    for key, storage in storages.items():
        record = records.get(f"{root}/data/{key}")
        held = record.file_size if record else 0
        if storage.nbytes > held:
            raise TeacherError(
                f"{where}: storage {key} claims {storage.nbytes:,} bytes but holds {held:,}; "
                "truncated or made to exhaust the memory: download it again"
            )

    def content(storage: StorageClaim) -> bytearray:
        record = records[f"{root}/data/{storage.source!s}"]
        with open_file() as file:
            file.seek(record.header_offset)
            name, extra = struct.unpack("<26x2H", _exactly(file, 30, where))
            file.seek(name + extra, os.SEEK_CUR)
            found = _exactly(file, record.file_size, where)
        if zlib.crc32(found) != record.CRC:
            raise TeacherError(
                f"{where}: storage {storage.source!r} does not have its checksum; damaged: "
                "download it again"
            )
        return found

    return ReadFile(where, tree, tuple(skipped), content)


def _records(
    open_file: Open, size: int, where: str
) -> tuple[dict[str, zipfile.ZipInfo], str, bytes]:
    """The directory of a zip of ``torch.save``, its top folder and its pickle."""
    try:
        with open_file() as file, zipfile.ZipFile(file) as archive:
            records = {info.filename: info for info in archive.infolist()}
            if len(records) < len(archive.infolist()):
                raise TeacherError(
                    f"{where}: two records of one name, of which readers take one or the other; "
                    "made to deceive: download it again"
                )
            pickles = [n for n in records if n.count("/") == 1 and n.endswith("/data.pkl")]
            if len(pickles) != 1:
                refuse_zip(where, set(records))
                raise TeacherError(f"{where}: a zip, but not one that torch.save wrote")
            root = pickles[0].partition("/")[0]
            if f"{root}/constants.pkl" in records:
                raise TeacherError(f"{where}: {_SCRIPT}")
            packed = any(info.file_size != info.compress_size for info in records.values())
            if packed or sum(info.file_size for info in records.values()) > size:
                raise TeacherError(
                    f"{where}: compressed, or made to exhaust the memory; torch.save writes zips "
                    "without compression"
                )
            order = f"{root}/byteorder"
            if order in records and archive.read(order) != b"little":
                raise TeacherError(f"{where}: {_BIG_ENDIAN}")
            return records, root, archive.read(pickles[0])
    # A directory of names and places that make no sense fails in zipfile in as many ways.
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError) as error:
        raise TeacherError(f"{where}: truncated ({error}); download it again") from error


def _exactly(file: BinaryIO, size: int, where: str) -> bytearray:
    content = bytearray(size)
    if file.readinto(content) != size:  # type: ignore[attr-defined]
        raise TeacherError(f"{where}: truncated; download it again")
    return content


def _collector(storages: dict[str, StorageClaim]) -> Callable[[Any], Any]:
    def persistent(identifier: Any) -> Any:
        # Whole modules of the old format carry their class with its source, which is dropped.
        if type(identifier) is tuple and len(identifier) == 4 and identifier[0] == "module":
            return identifier[1]
        storage = claim_storage(identifier)
        key = str(storage.source)
        if storages.setdefault(key, storage) != storage:
            raise MalformedError(f"storage {key} is claimed in two sizes")
        return storage

    return persistent
