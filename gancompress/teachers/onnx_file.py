"""Which other files an ONNX graph takes its weights from: those beside it, and no others."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gancompress.errors import TeacherError, UnsafeFileError

# Graphs nest as branches and loops do.
_MAX_DEPTH = 64


def files_of(path: Path) -> list[Path]:
    """The graph at ``path`` and the files of its weights, each once.

    Raises:
        UnsafeFileError: it names a file that is not in its own folder, by an absolute path, by
            ``..`` or by a link that leads out of it; no such file was opened.
        TeacherError: it is no ONNX graph, nests without end, or a file of its weights is missing.
    """
    import onnx

    try:
        model = onnx.load(str(path), load_external_data=False)
    except Exception as error:  # whatever the parser stumbles over, the file is to blame
        raise TeacherError(f"{path}: no ONNX graph: {str(error)[:300]}") from error
    names = sorted({_location(tensor) for tensor in _external(model, onnx.TensorProto, path, 0)})
    return [path, *(_beside(path, name) for name in names)]


def _beside(path: Path, name: str) -> Path:
    folder, shown = path.parent.resolve(), name[:200]
    plain = name and "\0" not in name and not Path(name).is_absolute()
    if not plain or ".." in name.replace("\\", "/").split("/") or ":" in name:
        raise UnsafeFileError(_outside(path, shown))
    place = folder / name
    if not place.resolve().is_relative_to(folder):
        raise UnsafeFileError(_outside(path, shown))
    if not place.is_file():
        raise TeacherError(f"{path}: its weights are in {shown!r}, which is missing; put it there")
    return place


def _outside(path: Path, name: str) -> str:
    return (
        f"{path}: takes weights from {name!r}, which is not in its folder; nothing of it was read. "
        "If you know the file, copy it beside the graph and name it so there"
    )


def _external(message: Any, kind: type, path: Path, depth: int) -> Iterator[Any]:
    """All tensors in a protobuf message whose data is in another file."""
    if depth > _MAX_DEPTH:
        raise TeacherError(f"{path}: nested more than {_MAX_DEPTH} deep; made to exhaust a reader")
    if isinstance(message, kind):
        if message.external_data:  # type: ignore[attr-defined]
            yield message
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            # One message, or several.
            for inner in [value] if hasattr(value, "ListFields") else value:
                yield from _external(inner, kind, path, depth + 1)


def _location(tensor: Any) -> str:
    # Of several entries readers take one or the other: all of them must be the same.
    found = {entry.value for entry in tensor.external_data if entry.key == "location"}
    return found.pop() if len(found) == 1 else ""
