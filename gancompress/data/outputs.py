"""What a generator's output is, told by its shape: images, audio, film, scores, anything else."""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor

#: ``image`` (N, 1 or 3, H, W), ``audio`` (N, 1 or 2, T), ``video`` (N, 1 or 3, T, H, W), ``scores``
#: (N, K), ``tensor``: latents and whatever else.
OutputKind = Literal["image", "audio", "video", "scores", "tensor"]

# By the number of dimensions, that of the samples among them: a kind, and its numbers of channels.
_KINDS: dict[int, tuple[OutputKind, tuple[int, ...]]] = {
    3: ("audio", (1, 2)),
    4: ("image", (1, 3)),
    5: ("video", (1, 3)),
}


def output_kind(shape: Sequence[int]) -> OutputKind:
    """The kind of outputs of ``shape``, (N, …)."""
    if len(shape) == 2:
        return "scores"
    kind, channels = _KINDS.get(len(shape), ("tensor", ()))
    return kind if shape[1:2] and shape[1] in channels else "tensor"


def stored_form(shape: Sequence[int]) -> Literal["uint8", "float32"]:
    """How outputs of ``shape`` are recorded: images and film as they are looked at."""
    return "uint8" if output_kind(shape) in ("image", "video") else "float32"


def frames_of(film: Tensor) -> Tensor:
    """Film (N, C, T, H, W) as images (N·T, C, H, W)."""
    return film.transpose(1, 2).flatten(0, 1)
