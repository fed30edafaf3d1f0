"""What the configuration of a DiStyleGAN checkpoint says beside its tensors."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gancompress.errors import TeacherError

# The published names, and ours.
_NAMES = {
    "c_dim": "classes",
    "z_dim": "z_dim",
    "ngf": "width",
    "nc": "channels",
    "project_dim": "project_dim",
}


def require_same_config(path: Path, kwargs: Mapping[str, Any]) -> None:
    """Refuse a folder whose config.json speaks of another generator than its tensors.

    Args:
        path: the config.json; a folder without it is taken as it is.
        kwargs: of the generator, as its tensors say.

    Raises:
        TeacherError: it cannot be read, or differs.
    """
    if not path.is_file():
        return
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TeacherError(f"{path}: not readable ({error}); copy the folder again") from error
    if not isinstance(config, dict):
        raise TeacherError(f"{path}: must be a mapping; copy the folder again")
    differing = [
        f"{key} is {config[key]}, the tensors say {kwargs[name]}"
        for key, name in _NAMES.items()
        if key in config and config[key] != kwargs[name]
    ]
    if differing:
        raise TeacherError(f"{path}: {'; '.join(differing)}; the files are of two generators")
