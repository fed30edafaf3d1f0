"""Teachers that are named by their place on the Hugging Face hub: ``hf://owner/name``."""

import re
from pathlib import Path, PurePosixPath

from gancompress.errors import TeacherError

_PLACE = re.compile(
    r"hf:/{1,2}(?P<repo>[^/@\s]+/[^/@\s]+)(@(?P<revision>[^/\s]+))?(/(?P<inner>.+))?"
)

# What of a repository may be wanted: weights and what describes them.
ENDINGS = (".safetensors", ".json", ".pth", ".pt", ".pkl", ".bin", ".ckpt")


def is_hub(place: str | Path) -> bool:
    """Whether it names a place on the hub."""
    return str(place).startswith("hf:/")


def located(place: str | Path) -> Path:
    """The path of ``place`` on this machine.

    Args:
        place: a path, which comes back as it is; or ``hf://owner/name``, where ``@revision`` and a
            file or folder inside may follow: it is fetched, or taken from the hub's cache.

    Raises:
        TeacherError: it is not there, or cannot be fetched now.
    """
    text = str(place)
    if not is_hub(text):
        return Path(place)
    found = _PLACE.fullmatch(text)
    if found is None:
        raise TeacherError(f"{text}: write hf://owner/name, hf://owner/name@revision/folder, …")
    try:
        from huggingface_hub import hf_hub_download, snapshot_download
    except ImportError as error:
        raise TeacherError(
            f'{text}: fetched by huggingface_hub; pip install "gancompress[diffusers]"'
        ) from error
    repo, revision, inner = found["repo"], found["revision"], found["inner"] or ""
    try:
        if PurePosixPath(inner).suffix in ENDINGS:
            return Path(hf_hub_download(repo, inner, revision=revision))
        patterns = [f"*{ending}" for ending in ENDINGS]
        folder = snapshot_download(repo, revision=revision, allow_patterns=patterns)
    except Exception as error:  # of the hub, of the network, of the disk
        raise TeacherError(
            f"{text}: cannot be fetched ({type(error).__name__}) and is not in the hub's cache; is "
            f"the name right, and is this machine online? Else fetch it elsewhere (`hf download "
            f"{repo}`) and give the folder"
        ) from error
    return Path(folder) / inner
