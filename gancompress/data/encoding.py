"""How inputs and outputs of a teacher are stored: small on disk, and exact once rounded."""

from collections.abc import Mapping
from typing import Literal, get_args

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gancompress.batch import WHOLE, Batch, Input
from gancompress.data.images import to_float, to_uint8
from gancompress.errors import DataError

LatentFormat = Literal["float32", "float16"]
OutputFormat = Literal["uint8", "float32", "float16"]

_DTYPES = {"uint8": torch.uint8, "float32": torch.float32, "float16": torch.float16}


def encode_inputs(spec: Mapping[str, Input], batch: Batch, latents: LatentFormat) -> Batch:
    """The stored form of a batch.

    One-hot vectors become class numbers, and these as small as they are; images uint8, label maps
    bits packed along their channels; everything else becomes ``latents``.

    Raises:
        DataError: an input is missing or of another shape, or a label map is not of zeros and ones.
    """
    stored: Batch = {}
    for name, entry in spec.items():
        value = _checked(name, entry, batch.get(name))
        if entry.kind == "one_hot":
            stored[name] = value.argmax(dim=1).to(_whole(entry.shape[0]))
        elif entry.kind in WHOLE:
            stored[name] = value.to(_whole(entry.classes))
        elif entry.kind == "image":
            stored[name] = to_uint8((value - entry.low) * (2 / (entry.high - entry.low)) - 1)
        elif entry.kind == "label_map":
            if not ((value == 0) | (value == 1)).all():
                raise DataError(f"input {name}: a label map must hold zeros and ones only")
            packed = np.packbits(value.to(torch.uint8).numpy(), axis=1)
            stored[name] = torch.from_numpy(packed)
        else:
            stored[name] = value.to(_DTYPES[latents])
    return stored


def _whole(count: int) -> torch.dtype:
    return torch.uint8 if count <= 256 else torch.int32


def _checked(name: str, entry: Input, value: Tensor | None) -> Tensor:
    # Image-to-image generators take other heights and widths than the one they are meant for.
    fixed = slice(0, 1 if entry.kind in ("image", "label_map") else None)
    if value is None or value.ndim != len(entry.shape) + 1:
        got = "nothing" if value is None else tuple(value.shape[1:])
    elif tuple(value.shape[1:])[fixed] != entry.shape[fixed]:
        got = tuple(value.shape[1:])
    else:
        return value.detach().cpu()
    raise DataError(f"input {name}: expected {entry.shape} a sample, got {got}")


def decode_inputs(spec: Mapping[str, Input], stored: Mapping[str, Tensor]) -> Batch:
    """The batch that :func:`encode_inputs` stored, rounded as the format rounds.

    float32, but for whole numbers, which are int64.
    """
    batch: Batch = {}
    for name, entry in spec.items():
        value = stored[name]
        if entry.kind == "one_hot":
            batch[name] = F.one_hot(value.to(torch.int64), entry.shape[0]).float()
        elif entry.kind in WHOLE:
            batch[name] = value.to(torch.int64)
        elif entry.kind == "image":
            batch[name] = (to_float(value) + 1) * ((entry.high - entry.low) / 2) + entry.low
        elif entry.kind == "label_map":
            bits = np.unpackbits(value.numpy(), axis=1, count=entry.shape[0])
            batch[name] = torch.from_numpy(bits).float()
        else:
            batch[name] = value.float()
    return batch


def encode_output(output: Tensor, form: OutputFormat) -> Tensor:
    """The stored form of outputs; ``uint8`` is for images in [-1, 1].

    Raises:
        DataError: the format is unknown, or the outputs are not finite.
    """
    if form not in get_args(OutputFormat):
        raise DataError(f"output format {form!r}: expected {', '.join(get_args(OutputFormat))}")
    output = output.detach().cpu()
    stored = to_uint8(output) if form == "uint8" else output.to(_DTYPES[form])
    if not (torch.isfinite(output).all() and torch.isfinite(stored).all()):
        raise DataError(f"the teacher's outputs are not finite as {form}; check its weights")
    return stored


def decode_output(stored: Tensor) -> Tensor:
    """The float32 outputs that :func:`encode_output` stored; images in [-1, 1]."""
    return to_float(stored) if stored.dtype == torch.uint8 else stored.float()
