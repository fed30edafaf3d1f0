"""How samples travel to a remote service and its answers back: PNG or JSON."""

import base64
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gancompress.data.decode import open_picture
from gancompress.data.images import to_float, to_uint8
from gancompress.errors import TeacherError


@dataclass(frozen=True)
class Body:
    """What is sent: its media type and its bytes."""

    media_type: str
    content: bytes


# One sample's inputs by name, without the batch dimension, to what is sent.
Encode = Callable[[Mapping[str, Tensor]], Body]
# What came back, to one sample's output.
Decode = Callable[[bytes], Tensor]


def send_png(name: str) -> Encode:
    """Send the image input ``name``, (1 or 3, H, W) in [-1, 1], as a PNG."""
    return lambda row: Body("image/png", to_png(row[name]))


def send_json(*, images: Sequence[str] = ()) -> Encode:
    """Send every input in a JSON object: the ``images`` as base64 PNG, others as nested lists."""

    def encode(row: Mapping[str, Tensor]) -> Body:
        fields: dict[str, Any] = {
            name: base64.b64encode(to_png(value)).decode() if name in images else value.tolist()
            for name, value in row.items()
        }
        return Body("application/json", json.dumps(fields, sort_keys=True).encode())

    return encode


def receive_png(content: bytes) -> Tensor:
    """An image file, as (C, H, W) in [-1, 1].

    Raises:
        TeacherError: it is no image, or is larger than 64 million pixels.
    """
    try:
        with open_picture(content) as image:
            pixels = np.array(image if image.mode in ("L", "RGB") else image.convert("RGB"))
    except Exception as error:  # Pillow's decoders raise whatever they like on damaged files.
        raise TeacherError(f"not an image ({error})") from error
    return to_float(
        torch.from_numpy(pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1))
    )


def receive_scores(vocabulary: Sequence[str], field: str = "") -> Decode:
    """Scores for the tags of ``vocabulary``, as a float vector (K,).

    The answer is a list of K numbers, a mapping of tags to numbers, or a list of mappings with the
    tag under ``tag``, ``label``, ``name`` or ``description`` and the number under ``score``,
    ``confidence`` or ``probability``. Tags that it does not name score 0; other tags are ignored.

    Args:
        vocabulary: the tags, in the order of the outputs.
        field: dotted path to the scores inside the answer, e.g. ``responses.0.labelAnnotations``.
    """
    places = {tag: place for place, tag in enumerate(vocabulary)}

    def decode(content: bytes) -> Tensor:
        try:
            answer = _inside(json.loads(content), field)
        except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
            raise TeacherError(f"no scores under {field or 'its root'!r}") from error
        if isinstance(answer, list) and all(isinstance(one, int | float) for one in answer):
            if len(answer) != len(vocabulary):
                raise TeacherError(f"{len(answer)} scores for {len(vocabulary)} tags")
            return _finite(torch.tensor([_number(one) for one in answer]))
        scores = torch.zeros(len(vocabulary))
        for tag, score in _named(answer):
            if tag in places:
                scores[places[tag]] = _number(score)
        return _finite(scores)

    return decode


def to_png(image: Tensor) -> bytes:
    """(1 or 3, H, W) in [-1, 1] as a PNG file; the same bytes every time."""
    if image.ndim != 3 or image.shape[0] not in (1, 3):
        raise TeacherError(
            f"an image of shape {tuple(image.shape)} cannot be sent; need 1 or 3×H×W"
        )
    pixels = to_uint8(image.detach().cpu()).permute(1, 2, 0).numpy()
    file = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(file, "PNG")
    return file.getvalue()


def _inside(answer: Any, path: str) -> Any:
    for step in filter(None, path.split(".")):
        answer = answer[int(step)] if isinstance(answer, list) else answer[step]
    return answer


def _named(answer: Any) -> list[tuple[str, float]]:
    if isinstance(answer, dict):
        pairs = list(answer.items())
    elif isinstance(answer, list) and all(isinstance(one, dict) for one in answer):
        tags, numbers = (
            ("tag", "label", "name", "description"),
            ("score", "confidence", "probability"),
        )
        pairs = [(_first(one, tags), _first(one, numbers)) for one in answer]
    else:
        raise TeacherError(f"scores as {type(answer).__name__}; need a list or a mapping")
    if not all(isinstance(tag, str) and isinstance(score, int | float) for tag, score in pairs):
        raise TeacherError("a tag without a name or a score")
    return pairs


def _first(mapping: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((mapping[name] for name in names if name in mapping), None)


def _number(score: float) -> float:
    """A whole number of any length as float; what is too large for one is infinite."""
    return float(score) if abs(score) < 1e38 else math.inf


def _finite(scores: Tensor) -> Tensor:
    if not scores.isfinite().all():
        raise TeacherError("scores that are not finite")
    return scores
