"""Reading what ``torch.save`` wrote: first as claims, then, found sound, with ``torch.load``.

``weights_only=True`` keeps ``torch.load`` from executing a file, but not from allocating what a
few bytes ask for. So the pickle inside is read as data first, every storage is compared with the
bytes that are there, and every tensor with its storage.
"""

import io
import mmap
import os
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import torch

from gancompress.errors import TeacherError
from gancompress.teachers.pickle_machine import MalformedError
from gancompress.teachers.safe_pickle import Stream, read_pickle
from gancompress.teachers.torch_claims import TORCH_BUILDERS, StorageClaim, claim_storage

# First pickle of the format that torch.save wrote before version 1.6, and still nests.
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_START = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
ZIP_START = b"PK\x03\x04"


def load_torch_file(path: Path) -> Any:
    """What the ``torch.save`` file at ``path`` holds, on the CPU, if it is plain data and tensors.

    Raises:
        UnsafeFileError: it names a global that no state dict needs; nothing was executed.
        TeacherError: truncated, malformed, or claiming more than it holds.
    """
    check_torch_file(path)
    return _load(path, str(path))


def check_torch_file(path: Path) -> None:
    """Read the file's claims and compare them with its bytes; raise as :func:`load_torch_file`."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            raise TeacherError(f"{path}: empty; download it again")
        if file.read(len(ZIP_START)) == ZIP_START:
            check_zip(path, size, str(path))
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
            check_legacy(view, size, str(path))


def load_nested_storage(content: bytes, where: str) -> torch.UntypedStorage:
    """The storage in a nested ``torch.save`` whose claims were found sound.

    Raises:
        TeacherError: it is damaged in another way.
    """
    with warnings.catch_warnings():
        # The typed storages of old files are deprecated; only their bytes are wanted.
        warnings.simplefilter("ignore", UserWarning)
        stored = _load(io.BytesIO(content), where)
        return stored if isinstance(stored, torch.UntypedStorage) else stored.untyped()


def check_legacy(stream: Stream, size: int, where: str) -> Any:
    """Check a file of the old format: five pickles, then the bytes of each storage.

    Args:
        stream: at the start of the file.
        size: of the file in bytes.
        where: names it in errors.

    Returns:
        The object as claims.
    """
    storages: dict[str, StorageClaim] = {}
    if read_pickle(stream, where, {}) != _LEGACY_MAGIC:
        raise TeacherError(f"{where}: not written by torch.save")
    read_pickle(stream, where, {})  # protocol version
    read_pickle(stream, where, {})  # byte order and sizes of the machine
    claimed = read_pickle(stream, where, TORCH_BUILDERS, _collector(storages))
    keys = read_pickle(stream, where, {})
    texts = isinstance(keys, list) and all(type(key) is str for key in keys)
    if not texts or sorted(keys) != sorted(storages):
        raise TeacherError(f"{where}: its list of storages does not fit its tensors")
    # Each storage is written as its length in eight bytes, then its elements.
    needed = sum(8 + storage.nbytes for storage in storages.values())
    if needed > size - stream.tell():
        raise TeacherError(
            f"{where}: claims {needed:,} bytes of tensors but holds {size - stream.tell():,}; "
            "truncated or made to exhaust the memory: download it again"
        )
    return claimed


def check_zip(file: Path | BinaryIO, size: int, where: str) -> Any:
    """Check a file of the format of torch 1.6 and later; arguments and result as
    :func:`check_legacy`.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            records = {info.filename: info for info in archive.infolist()}
            packed = any(info.file_size != info.compress_size for info in records.values())
            if packed or sum(info.file_size for info in records.values()) > size:
                raise TeacherError(
                    f"{where}: compressed, or made to exhaust the memory; torch.save writes zips "
                    "without compression"
                )
            pickles = [n for n in records if n.count("/") == 1 and n.endswith("/data.pkl")]
            if len(pickles) != 1:
                raise TeacherError(f"{where}: a zip, but not one that torch.save wrote")
            root = pickles[0].partition("/")[0]
            if f"{root}/constants.pkl" in records:
                raise TeacherError(
                    f"{where}: a TorchScript program, not weights; save the state_dict() instead"
                )
            content = archive.read(pickles[0])
    # A directory of names and places that make no sense fails in zipfile in as many ways.
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError) as error:
        raise TeacherError(f"{where}: truncated ({error}); download it again") from error
    storages: dict[str, StorageClaim] = {}
    claimed = read_pickle(io.BytesIO(content), where, TORCH_BUILDERS, _collector(storages))
    for key, storage in storages.items():
        record = records.get(f"{root}/data/{key}")
        held = record.file_size if record else 0
        if storage.nbytes > held:
            raise TeacherError(
                f"{where}: storage {key} claims {storage.nbytes:,} bytes but holds {held:,}; "
                "truncated or made to exhaust the memory: download it again"
            )
    return claimed


def _load(file: Path | BinaryIO, where: str) -> Any:
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever it stumbles over, the file is to blame
        raise TeacherError(f"{where}: torch.load refuses it: {error}") from error


def _collector(storages: dict[str, StorageClaim]) -> Callable[[Any], StorageClaim]:
    def persistent(identifier: Any) -> StorageClaim:
        storage = claim_storage(identifier)
        key = str(storage.source)
        if storages.setdefault(key, storage) != storage:
            raise MalformedError(f"storage {key} is claimed in two sizes")
        return storage

    return persistent
