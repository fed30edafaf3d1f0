"""Weights beside an ONNX file: written where one file cannot hold them, read with caution."""

import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gancompress.content import sha256_of
from gancompress.errors import ExportError
from gancompress.exporters.packages import require
from gancompress.teachers.onnx_file import files_of

# One protobuf message, and so one ONNX file, holds less than 2 GiB; the graph takes its share.
LARGEST = 2**31 - 2**26

# Smaller tensors stay in the graph, where checks of shapes look for them.
SMALLEST = 1024

# What a file says of the weights beside it.
DIGEST = "gancompress.data_sha256"


def data_file(path: str | os.PathLike[str]) -> Path:
    """Where the weights of the ONNX file ``path`` are, if they are not in it."""
    return Path(f"{os.fspath(path)}.data")


def is_too_large(model: Any) -> bool:
    """Whether the weights of an ONNX model are more than one file holds."""
    return sum(len(tensor.raw_data) for tensor in _tensors(model)) > LARGEST


def save_beside(model: Any, path: Path) -> None:
    """Write ``model`` to ``path`` and its weights to :func:`data_file`; both should be new.

    The file names the SHA-256 of the weights, so that others are never taken for them.
    """
    onnx = require("onnx", "onnx")
    data = data_file(path)
    onnx.external_data_helper.convert_model_to_external_data(
        model, location=data.name, size_threshold=SMALLEST
    )
    onnx.save_model(model, path)
    entry = model.metadata_props.add()
    entry.key, entry.value = DIGEST, sha256_of(data)
    path.write_bytes(model.SerializeToString())


def check_data(path: str | os.PathLike[str]) -> None:
    """Refuse an ONNX file, by whomever, whose weights are elsewhere or not its own.

    Raises:
        TeacherError: weights are not in its folder (:func:`files_of`), or missing.
        ExportError: they are not those that it was written with.
        MissingPackageError: there may be some, and the ``onnx`` extra is not installed.
    """
    place = Path(path)
    if not _may_have_any(place):
        return
    onnx = require("onnx", "onnx")
    beside = files_of(place)[1:]
    model = onnx.load(place, load_external_data=False)
    told = {entry.key: entry.value for entry in model.metadata_props}.get(DIGEST)
    if told and [sha256_of(file) for file in beside] != [told]:
        raise ExportError(
            f"{place}: the weights beside it are not those that it was written with; export it "
            "again, or copy both files"
        )


def _may_have_any(path: Path) -> bool:
    """Whether the key that names such a file occurs; the parsing of large files takes seconds."""
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            return False
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return data.find(b"location") >= 0


def _tensors(message: Any) -> Iterator[Any]:
    """All tensors of a model: of its graph, of graphs and attributes in it, of its functions."""
    if type(message).__name__ == "TensorProto":
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in value if hasattr(value, "__len__") else [value]:
                yield from _tensors(part)
