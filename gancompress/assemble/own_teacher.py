"""A teacher of the user's own: a factory and a state dict."""

from dataclasses import replace
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from gancompress.errors import TeacherError
from gancompress.generators.signed import RANGE, signed
from gancompress.student.file import Architecture
from gancompress.teachers.downloads import missing_file
from gancompress.teachers.torch_file import load_torch_file


def load_own(architecture: Architecture, weights: Path) -> nn.Module:
    """The module of ``architecture`` with exactly the tensors of ``weights``.

    Args:
        architecture: how it is built.
        weights: a state dict, safetensors or of ``torch.save``; nothing in it is executed.

    Raises:
        TeacherError: the file is missing or damaged, or holds other tensors than the module has.
    """
    # The weights are those of the factory's module, whatever stands around it here.
    module = replace(architecture, output_range=RANGE).build()
    try:
        module.load_state_dict(read_state_dict(weights))
    except RuntimeError as error:
        reasons = " ".join(str(error).split("\n\t")[1:4])
        raise TeacherError(
            f"{weights}: does not fit what {architecture.factory!r} builds: {reasons} "
            "Give the factory arguments that the weights were trained with"
        ) from None
    return signed(module, architecture.output_range)


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """The tensors in a file by name.

    Raises:
        TeacherError: it is missing or damaged, or holds something else.
    """
    if not path.is_file():
        raise TeacherError(missing_file(path))
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except (SafetensorError, OSError) as error:
            raise TeacherError(f"{path}: damaged ({error}); copy or download it again") from error
    found = load_torch_file(path)
    if not isinstance(found, dict) or not all(isinstance(v, Tensor) for v in found.values()):
        raise TeacherError(f"{path}: holds no state dict; save module.state_dict() alone")
    return found
