"""Starting from weights that a file holds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from gancompress.errors import DataError


def load_weights(module: nn.Module, path: Path, place: str) -> None:
    """Put the tensors of a state file into ``module``; it must hold all of them.

    Args:
        module: receives them.
        path: a ``.safetensors`` file, a ``.pt`` file of tensors by name, or a training checkpoint
            of this package with a discriminator in it.
        place: where the user named the file, for messages.

    Raises:
        DataError: no such file, nothing readable in it, or tensors of another network.
    """
    if not path.is_file():
        raise DataError(f"{place}: {path}: no such file")
    try:
        state = _read(path)
        module.load_state_dict(state)
    except Exception as error:  # readers have no one error for a damaged file
        reason = " ".join(str(error).split())
        raise DataError(f"{place}: {path}: no weights of this network; {reason:.300}") from error


def _read(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".safetensors":
        return safetensors.torch.load_file(path)
    content: Any = torch.load(path, map_location="cpu", weights_only=True)
    if isinstance(content, Mapping) and isinstance(content.get("state"), Mapping):
        content = content["state"].get("discriminator")
    if not isinstance(content, Mapping):
        raise ValueError("it holds no tensors by name")
    return dict(content)
