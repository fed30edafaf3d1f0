"""Files that people have in place of a checkpoint that can be read, told by how they begin."""

from collections.abc import Set
from pathlib import Path

from gancompress.errors import TeacherError

_AGAIN = "download it again"
_EXPORT = (
    "save its weights with safetensors from the program that made it, and give the network's own "
    "factory: teacher: {factory: 'your_file.py:build', weights: net.safetensors}"
)
ANOTHER_FRAMEWORK = f"weights of another framework; {_EXPORT}"

# How a file begins -> what it is, and what to do.
BEGINNINGS: dict[bytes, str] = {
    b"<": f"a web page, not a checkpoint; {_AGAIN}",
    b"version https://git-lfs": "a Git LFS pointer, not the file itself; run `git lfs pull`",
    b"\x1f\x8b": "a gzip archive; unpack it and give the checkpoint inside",
    b"BZh": "a bzip2 archive; unpack it and give the checkpoint inside",
    b"\xfd7zXZ": "an xz archive; unpack it and give the checkpoint inside",
    b"7z\xbc\xaf": "a 7z archive; unpack it and give the checkpoint inside",
    b"Rar!": "a RAR archive; unpack it and give the checkpoint inside",
    b"(\xb5/\xfd": "a zstd archive; unpack it and give the checkpoint inside",
    b"\x89PNG": f"a picture, not a checkpoint; {_AGAIN}",
    b"\xff\xd8\xff": f"a picture, not a checkpoint; {_AGAIN}",
    b"GIF8": f"a picture, not a checkpoint; {_AGAIN}",
    b"%PDF": f"a PDF, not a checkpoint; {_AGAIN}",
    b"\x89HDF": f"an HDF5 file (Keras, TensorFlow): {ANOTHER_FRAMEWORK}",
    b"\x93NUMPY": f"a single array of numpy, not a checkpoint; {_EXPORT}",
    b"GGUF": "a GGUF file: quantised weights for llama.cpp; give the original weights "
    "(safetensors) that it was made from",
    b"7767517": "the network of ncnn, in its own format; give the PyTorch checkpoint that it was "
    "converted from",
    b"\xdd\x85\x76\x00": "the network of ncnn, in its own format; give the PyTorch checkpoint that "
    "it was converted from",
    b"{": "a JSON text, not a checkpoint; give the weights beside it (.safetensors, .pth, .bin)",
    b"model_checkpoint_path": f"the list of a TensorFlow checkpoint: {ANOTHER_FRAMEWORK}",
    b"\x00asm": f"a WebAssembly program, not a checkpoint; {_AGAIN}",
    b"\x7fELF": f"a program, not a checkpoint; {_AGAIN}",
    b"ftrt": f"an engine of TensorRT, made for one device: {ANOTHER_FRAMEWORK}",
}

# What comes after the first four bytes of some files.
LATER: dict[bytes, str] = {
    b"TFL3": f"a TensorFlow Lite file: {ANOTHER_FRAMEWORK}",
    b"ftyp": f"a film, not a checkpoint; {_AGAIN}",
}

PROGRAM = (
    "It can be a black box if you trust it, for it is run: trusted=True, in a recipe "
    "teacher.kwargs: {trusted: true}"
)

# Endings of files that do not begin in a way of their own.
ENDINGS: dict[str, str] = {
    ".onnx": f"an ONNX graph, which is a program and not weights. {PROGRAM}",
    ".index": f"part of a TensorFlow checkpoint: {ANOTHER_FRAMEWORK}",
    ".pb": f"a TensorFlow graph: {ANOTHER_FRAMEWORK}",
    ".meta": f"a TensorFlow graph: {ANOTHER_FRAMEWORK}",
    ".ckpt-data": f"part of a TensorFlow checkpoint: {ANOTHER_FRAMEWORK}",
    ".data-00000-of-00001": f"part of a TensorFlow checkpoint: {ANOTHER_FRAMEWORK}",
    ".pdmodel": f"a PaddlePaddle program: {ANOTHER_FRAMEWORK}",
    ".pdiparams": f"weights of PaddlePaddle: {ANOTHER_FRAMEWORK}",
    ".param": "the network of ncnn, in its own format; give the PyTorch checkpoint that it was "
    "converted from",
    ".caffemodel": f"a Caffe model: {ANOTHER_FRAMEWORK}",
    ".params": f"an MXNet model: {ANOTHER_FRAMEWORK}",
    ".msgpack": f"weights of Flax: {ANOTHER_FRAMEWORK}",
    ".mlmodel": f"a Core ML model: {ANOTHER_FRAMEWORK}",
    ".engine": f"an engine of TensorRT, made for one device: {ANOTHER_FRAMEWORK}",
    ".trt": f"an engine of TensorRT, made for one device: {ANOTHER_FRAMEWORK}",
    ".yaml": "a YAML text, not a checkpoint; give the weights beside it",
    ".yml": "a YAML text, not a checkpoint; give the weights beside it",
    ".txt": "a text, not a checkpoint; give the weights beside it",
    ".py": "a program, not a checkpoint; as a factory it is named 'file.py:function'",
}


def refuse_known(path: Path, start: bytes) -> None:
    """Refuse a file that is known not to be a checkpoint by how it begins.

    Args:
        path: of the file.
        start: its first bytes, a few hundred.

    Raises:
        TeacherError: says what it is and what to do.
    """
    for beginning, what in BEGINNINGS.items():
        if start.startswith(beginning):
            raise TeacherError(f"{path}: {what}")
    for later, what in LATER.items():
        if start[4 : 4 + len(later)] == later:
            raise TeacherError(f"{path}: {what}")
    if start[257:262] == b"ustar":
        raise TeacherError(f"{path}: a tar archive; unpack it and give the checkpoint inside")


def refuse_by_ending(path: Path) -> None:
    """Refuse a file by its name's ending, where its bytes did not tell; raises the same."""
    for ending, what in ENDINGS.items():
        if path.name.endswith(ending):
            raise TeacherError(f"{path}: {what}")


def refuse_zip(path: str, names: Set[str]) -> None:
    """Refuse a zip that ``torch.save`` did not write, by the names of its records."""
    kinds = {
        "saved_model.pb": f"a TensorFlow model: {ANOTHER_FRAMEWORK}",
        "variables/variables.index": f"a TensorFlow model: {ANOTHER_FRAMEWORK}",
        "metadata.json": f"a Keras model: {ANOTHER_FRAMEWORK}",
        "model.weights.h5": f"a Keras model: {ANOTHER_FRAMEWORK}",
    }
    for name, what in kinds.items():
        if name in names:
            raise TeacherError(f"{path}: {what}")
    if any(name.endswith("/archive_format") for name in names):
        raise TeacherError(f"{path}: an exported program, not weights. {PROGRAM}")
    if names and all(name.endswith(".npy") for name in names):
        raise TeacherError(f"{path}: arrays of numpy (.npz): {ANOTHER_FRAMEWORK}")
    if any(name.endswith((".pth", ".pt", ".pkl", ".safetensors", ".ckpt")) for name in names):
        raise TeacherError(f"{path}: a zip archive; unpack it and give the checkpoint inside")
