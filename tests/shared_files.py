"""Real data and published weights that some tests want; they are skipped where those are absent."""

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

_ROOT = Path(os.environ.get("GANCOMPRESS_SHARED", Path(__file__).parents[1] / ".." / "shared"))


def shared(name: str) -> Path:
    """The file ``name`` of the shared folder, or a skip."""
    path = _ROOT / name
    if not path.exists():
        pytest.skip(f"{path} is absent (set GANCOMPRESS_SHARED to the folder that has {name})")
    return path


def cifar10(per_class: int) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """(images uint8 (10 · per_class, 3, 32, 32), labels, class names): each class's first files."""
    archive = zipfile.ZipFile(shared("data/cifar10-train.zip"))
    by_class: dict[str, list[str]] = {}
    for name in sorted(archive.namelist()):
        if name.endswith(".jpg"):
            by_class.setdefault(name.split("/")[-2], []).append(name)
    images, labels = [], []
    for label, names in enumerate(by_class.values()):
        for name in names[:per_class]:
            with Image.open(io.BytesIO(archive.read(name))) as image:
                images.append(np.asarray(image.convert("RGB")).transpose(2, 0, 1))
            labels.append(label)
    return torch.from_numpy(np.stack(images)), torch.tensor(labels), tuple(by_class)
