"""Reading safetensors as claims, so that a tensor's bytes are read when it is asked for."""

import json
import math
import struct
from itertools import accumulate
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from gancompress.errors import TeacherError
from gancompress.teachers.torch_claims import StorageClaim, TensorClaim
from gancompress.teachers.torch_file import ReadFile

_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


def read_safetensors(path: Path) -> ReadFile:
    """What the safetensors at ``path`` holds.

    Raises:
        TeacherError: it is damaged, or has numbers of a kind that no network here computes with.
    """
    try:
        with safe_open(path, framework="pt"):
            pass  # compares lengths and offsets with the file
    except SafetensorError as error:
        raise TeacherError(f"{path}: damaged ({error}); download it again") from error
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    claims = {name: _claim(name, entry, path) for name, entry in header.items()}

    def content(storage: StorageClaim) -> bytearray:
        begin, end = header[storage.source]["data_offsets"]
        found = bytearray(end - begin)
        with path.open("rb") as file:
            file.seek(8 + length + begin)
            if file.readinto(found) != len(found):
                raise TeacherError(f"{path}: truncated; download it again")
        return found

    return ReadFile(str(path), claims, (), content)


def _claim(name: str, entry: dict[str, object], path: Path) -> TensorClaim:
    dtype = _DTYPES.get(str(entry["dtype"]))
    if dtype is None:
        raise TeacherError(
            f"{path}: {name}: numbers of kind {entry['dtype']}; save the network again in float32"
        )
    shape: tuple[int, ...] = tuple(entry["shape"])  # type: ignore[arg-type]
    steps = list(accumulate(reversed(shape[1:]), lambda step, size: step * size, initial=1))
    storage = StorageClaim(dtype, math.prod(shape), name)
    return TensorClaim(storage, 0, shape, tuple(reversed(steps[: len(shape)])))
