"""Folders as the Hugging Face hub has them: ``config.json`` beside weights."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from gancompress.errors import TeacherError
from gancompress.teachers.family import renamed
from gancompress.teachers.networks import Found, tensors_of
from gancompress.teachers.recognise import Recognised, fitted, load
from gancompress.teachers.torch_file import ReadFile

# Class that diffusers builds -> our factory around it, and the prefix of its tensors there.
CLASSES: dict[str, tuple[str, str]] = {
    "AutoencoderKL": ("diffusers_decoder", ""),
    "UNet2DModel": ("diffusers_unet", "unet."),
}
# The weights in such a folder, the first that is there.
WEIGHTS = (
    "diffusion_pytorch_model.safetensors",
    "diffusion_pytorch_model.bin",
    "model.safetensors",
    "pytorch_model.bin",
)
# Attention as diffusers named it before 0.18.
_OLDER = (
    (r"\.query\.", ".to_q."),
    (r"\.key\.", ".to_k."),
    (r"\.value\.", ".to_v."),
    (r"\.proj_attn\.", ".to_out.0."),
)
_LARGEST_CONFIG = 2**20


def config_of(folder: Path) -> dict[str, Any]:
    """What ``config.json`` (or a pipeline's ``model_index.json``) says; empty where there is none.

    Raises:
        TeacherError: it is no JSON object.
    """
    for name in ("config.json", "model_index.json"):
        path = folder / name
        if path.is_file():
            try:
                if path.stat().st_size > _LARGEST_CONFIG:
                    raise ValueError(f"more than {_LARGEST_CONFIG:,} bytes")
                found = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError, RecursionError) as error:
                raise TeacherError(f"{path}: not a JSON text ({error}); fetch it again") from error
            if not isinstance(found, dict):
                raise TeacherError(f"{path}: a JSON {type(found).__name__}; fetch it again")
            return found
    return {}


def weights_in(folder: Path) -> Path:
    """The file of weights in ``folder``.

    Raises:
        TeacherError: there is none, it is in several, or the folder is a pipeline of several
            networks.
    """
    parts = [
        path.parent.name
        for path in sorted(folder.glob("*/config.json"))
        if any((path.parent / name).is_file() for name in WEIGHTS)
    ]
    for name in WEIGHTS:
        if (folder / name).is_file():
            return folder / name
        if (folder / f"{name}.index.json").is_file():
            raise TeacherError(
                f"{folder}: its weights are in several files; join them: load the network with its "
                "program and save_pretrained(folder, max_shard_size='100GB')"
            )
    if parts:
        raise TeacherError(
            f"{folder}: a pipeline of several networks; give the folder of one: "
            + ", ".join(str(folder / part) for part in parts)
        )
    endings = (".safetensors", ".pth", ".pt", ".pkl")
    files = [path for path in sorted(folder.iterdir()) if path.suffix in endings]
    if len(files) != 1:
        held = ", ".join(path.name for path in files[:5]) or "none"
        raise TeacherError(
            f"{folder}: a folder without one file of weights ({held}); give the file. A DiStyleGAN "
            "checkpoint holds generator.pt and config.json; a folder of recorded images is opened "
            "as a recorded teacher"
        )
    return files[0]


def read_diffusers(
    folder: Path, config: Mapping[str, Any], weights: ReadFile, settings: Mapping[str, Any]
) -> Recognised:
    """The network that diffusers builds from ``config``, with ``weights``.

    Raises:
        TeacherError: a class that is no generator here, or tensors that do not fit.
        RecipeError: diffusers is not installed, or refuses the configuration.
    """
    kind = str(config.get("_class_name"))
    if kind not in CLASSES:
        raise TeacherError(
            f"{folder}: config.json is of {kind}; of diffusers {' and '.join(CLASSES)} are read. "
            "Others have their own factory: teacher: {factory: 'your_file.py:build', weights: …}"
        )
    factory, prefix = CLASSES[kind]
    kwargs = {k: v for k, v in config.items() if not k.startswith("_")} | dict(settings)
    wanted = ("decoder.", "post_quant_conv.") if kind == "AutoencoderKL" else ""
    tensors = {n: v for n, v in tensors_of(weights.tree).items() if n.startswith(wanted)}
    found = Found("", tensors)

    def named(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {f"{prefix}{n}": v for n, v in renamed(values, *_OLDER).items()}

    module = fitted(factory, kwargs, named(found.on_meta()), str(folder))
    return Recognised(kind, factory, kwargs, load(module, named(found.load(weights)), str(folder)))
