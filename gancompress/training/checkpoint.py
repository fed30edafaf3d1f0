"""The state an unfinished training resumes from, in one file that is never half-written."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch

from gancompress.atomic import replacing
from gancompress.errors import RunError


class Stateful(Protocol):
    """A module, an optimiser, a schedule, an average: whatever has a state to resume from."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state_dict: dict[str, Any], /) -> Any: ...


def save_checkpoint(path: Path, state: Mapping[str, Stateful], progress: Mapping[str, int]) -> None:
    """Write the states and how far the training is."""
    content = {
        "progress": dict(progress),
        "state": {name: part.state_dict() for name, part in state.items()},
    }
    # Through a file of Python's: given a path, torch hides why the system refused to write.
    with replacing(path) as temporary, temporary.open("wb") as file:
        torch.save(content, file)


def load_checkpoint(path: Path, state: Mapping[str, Stateful]) -> dict[str, int]:
    """Put the states back; returns how far the training was.

    Raises:
        RunError: the file is damaged. It is moved aside, so that the same command starts afresh.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        progress = dict(content["progress"])
        for name, part in state.items():
            part.load_state_dict(content["state"][name])
    except Exception as error:  # torch.load has no one error for a damaged file
        aside = path.with_name(path.name + ".damaged")
        path.replace(aside)
        raise RunError(
            f"{path}: the checkpoint is damaged or of another network ({error!s:.200}); moved to "
            f"{aside.name}; the same command now starts this stage from its beginning"
        ) from error
    return progress
