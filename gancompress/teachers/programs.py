"""Programs in files as black boxes: ONNX graphs, TorchScript, exported programs.

Such a file says what is computed, not only with which weights. It is run, and so only where the
user says that it is trusted; what it computes inside is not looked at.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gancompress.batch import Batch, Input, InputSpec
from gancompress.errors import TeacherError
from gancompress.generators.signed import RANGE
from gancompress.teachers.downloads import missing_file
from gancompress.teachers.onnx_file import files_of
from gancompress.teachers.teacher import CallableTeacher, InputData

# What a graph's element types are in PyTorch.
_TYPES = {
    "tensor(float)": torch.float32,
    "tensor(float16)": torch.float16,
    "tensor(double)": torch.float64,
}
# Image sizes that a graph leaves open.
_SIZE = 256
_STATE = "inputs={'image': Input('image', (3, 256, 256))}, in a recipe teacher.inputs"


def open_program(
    path: str | Path,
    inputs: Mapping[str, Input] | None = None,
    *,
    trusted: bool = False,
    data: InputData | None = None,
    output_range: tuple[float, float] = RANGE,
) -> CallableTeacher:
    """A black-box teacher that runs the program in a file.

    Args:
        path: ``.onnx`` (run by ONNX Runtime), ``.pt2`` of ``torch.export``, or TorchScript.
        inputs: what it is fed, in its order; an ONNX graph tells them itself.
        trusted: that the program may be run.
        data: rows for inputs that cannot be drawn from a seed.
        output_range: values of black and white in its images.

    Raises:
        UnsafeFileError: an ONNX graph takes its weights from a file outside of its folder.
        TeacherError: it is not said to be trusted, is missing or damaged, or its inputs are not
            known.
    """
    path = Path(path)
    if not path.is_file():
        raise TeacherError(missing_file(path))
    if not trusted:
        raise TeacherError(
            f"{path}: a program, which is run to have its answers; if you trust where it comes "
            "from, say so: trusted=True, in a recipe teacher.kwargs: {trusted: true}"
        )
    files = [path]
    if path.suffix == ".onnx":
        files, answer, found = _onnx(path, inputs)
    else:
        answer, found = _torch(path, inputs)
    low, high = output_range

    def signed(batch: Batch) -> Tensor:
        output = answer(batch)
        return output if output_range == RANGE else (output - low) * (2 / (high - low)) - 1

    digest = _digest(files)
    return CallableTeacher(signed, found, f"{path.name}-{digest}-{low:g}-{high:g}", data)


def _digest(files: Sequence[Path]) -> str:
    """SHA-256 (hex) of the contents, one after another."""
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            while part := file.read(1 << 20):
                digest.update(part)
    return digest.hexdigest()


def is_program(path: Path, trusted: bool) -> bool:
    """Whether a teacher file is a program to be run, and not weights to be read."""
    return path.suffix in (".onnx", ".pt2") or trusted


def _onnx(
    path: Path, inputs: Mapping[str, Input] | None
) -> tuple[list[Path], Callable[[Batch], Tensor], InputSpec]:
    try:
        import onnx  # noqa: F401 files_of
        import onnxruntime
    except ImportError as error:
        raise TeacherError(
            f'{path}: running it needs ONNX Runtime; pip install "gancompress[onnx]"'
        ) from error
    files = files_of(path)
    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # whatever ONNX Runtime stumbles over, the file is to blame
        raise TeacherError(f"{path}: ONNX Runtime refuses it: {str(error)[:300]}") from error
    entries = {entry.name: entry for entry in session.get_inputs()}
    found = dict(inputs or {name: _input(path, entry) for name, entry in entries.items()})
    if found.keys() != entries.keys():
        raise TeacherError(
            f"{path}: its graph is fed {', '.join(entries)}; the inputs given are "
            f"{', '.join(found)}"
        )
    output = session.get_outputs()[0].name
    sizes = {entry.shape[0] for entry in entries.values() if entry.shape}
    fixed = next((size for size in sizes if isinstance(size, int)), 0)

    def run(batch: Batch) -> Tensor:
        count = next(iter(batch.values())).shape[0]
        step = fixed or count
        if fixed and count % fixed:
            raise TeacherError(
                f"{path}: takes {fixed} samples at once, not {count}; export it for 1"
            )
        parts = []
        for start in range(0, count, step):
            feed = {
                name: value[start : start + step].cpu().to(_TYPES[entries[name].type]).numpy()
                for name, value in batch.items()
            }
            parts.append(torch.from_numpy(session.run([output], feed)[0]).float())
        return torch.cat(parts)

    return files, run, found


def _input(path: Path, entry: Any) -> Input:
    """What an input of a graph is, by its shape."""
    sizes = [size if isinstance(size, int) else None for size in entry.shape[1:]]
    if entry.type in _TYPES and len(sizes) == 3 and sizes[0] in (1, 3, 4):
        return Input("image", tuple(_SIZE if size is None else size for size in sizes))
    if entry.type in _TYPES and len(sizes) == 1 and sizes[0] is not None:
        return Input("normal", (sizes[0],))
    shown = "×".join(str(size) for size in entry.shape)
    raise TeacherError(
        f"{path}: its input {entry.name!r} ({shown}, {entry.type}) is neither an image nor a "
        f"latent; say what it is fed: {_STATE}"
    )


def _torch(
    path: Path, inputs: Mapping[str, Input] | None
) -> tuple[Callable[[Batch], Tensor], InputSpec]:
    if not inputs:
        raise TeacherError(f"{path}: does not say what it is fed; say it: {_STATE}")
    try:
        if path.suffix == ".pt2":
            program: Any = torch.export.load(path).module()
        else:
            load: Callable[..., Any] = torch.jit.load
            program = load(str(path), map_location="cpu").eval()
    except Exception as error:  # whatever its loader stumbles over, the file is to blame
        raise TeacherError(
            f"{path}: neither TorchScript nor an exported program that this PyTorch reads: "
            f"{str(error)[:300]}"
        ) from error
    names = list(inputs)
    return lambda batch: program(*(batch[name] for name in names)), dict(inputs)
