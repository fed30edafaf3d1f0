"""Inputs on the way from one sample of a generator to another."""

from collections.abc import Mapping, Sequence

import torch.nn.functional as F
from torch import Tensor

from gancompress.batch import Batch, Input, draw_inputs


def inputs_between(
    inputs: Mapping[str, Input],
    first: Sequence[int],
    second: Sequence[int],
    share: float,
    *,
    seed: int = 0,
    labels: Sequence[int] | None = None,
) -> Batch:
    """Inputs ``share`` of the way from the samples ``first`` to the samples ``second``.

    Normal inputs go along great circles (White 2016), by which the length of the vectors stays
    usual; all others, classes among them, are those of ``first``.

    Args:
        inputs: of the generator, each of a kind that can be drawn.
        first, second: numbers of the samples, equally many.
        share: 0 to 1.
        seed: of the stream of samples.
        labels: classes; by default those of ``first``.
    """
    start = draw_inputs(inputs, first, seed, labels)
    end = draw_inputs(inputs, second, seed, labels)
    for name, entry in inputs.items():
        if share and entry.kind in ("normal", "truncated_normal"):
            start[name] = _on_circle(start[name], end[name], share)
    return start


def _on_circle(first: Tensor, second: Tensor, share: float) -> Tensor:
    a, b = first.flatten(1), second.flatten(1)
    cosine = F.cosine_similarity(a, b).clamp(-0.9999, 0.9999)
    angle = cosine.acos()[:, None]
    mixed = (((1 - share) * angle).sin() * a + (share * angle).sin() * b) / angle.sin()
    return mixed.view_as(first)
