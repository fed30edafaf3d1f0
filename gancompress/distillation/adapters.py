"""1×1 convolutions that bring a student's maps to the channels of the teacher's."""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancompress.distillation.taps import Tap


class Adapters(nn.Module):
    """Learned 1×1 convolutions on the student's side, one a tap (GAN Compression, Li et al. 2020).

    They are as elastic as the supernet: a subnet's map of *n* channels uses the first *n* input
    channels of its adapter, which go with the supernet's leading channels. (A map that is a
    concatenation has no leading channels as a whole: tap what is concatenated instead.)

    Args:
        taps: by term.
        seed: of the initial weights.
    """

    def __init__(self, taps: Mapping[str, Sequence[Tap]], seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self._of: dict[str, tuple[list[Tensor], list[Tensor]]] = {}
        for term, pairs in taps.items():
            self._of[term] = ([], [])
            for number, tap in enumerate(pairs):
                to, given = tap.teacher_shape[0], tap.student_shape[0]
                weight = nn.Parameter(torch.randn(to, given, generator=generator) / given**0.5)
                bias = nn.Parameter(torch.zeros(to))
                for kind, (name, value) in enumerate((("weight", weight), ("bias", bias))):
                    self.register_parameter(f"{term}_{number}_{name}", value)
                    self._of[term][kind].append(value)

    def of(self, term: str) -> tuple[list[Tensor], list[Tensor]]:
        """Weights (teacher's channels, student's channels) and biases of the taps of ``term``."""
        return self._of.get(term, ([], []))


def adapted(
    maps: Sequence[Tensor], weights: Sequence[Tensor], biases: Sequence[Tensor]
) -> list[Tensor]:
    """``maps`` of a subnet with as many channels as the teacher's.

    Args:
        maps: (N, at most S, H, W) each.
        weights: (T, S) each; a subnet's map of *n* channels uses the first *n* columns.
        biases: (T,) each.
    """
    return [
        F.conv2d(x, weight[:, : x.shape[1], None, None], bias)
        for x, weight, bias in zip(maps, weights, biases, strict=True)
    ]
