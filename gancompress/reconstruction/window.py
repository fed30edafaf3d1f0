"""Which inputs every output of a layer sees: convolutions of any kind as one table of positions."""

from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor


@dataclass(frozen=True)
class Window:
    """The geometry of a convolution; a linear layer is one with kernels of one position.

    Attributes:
        sizes: of the input map, one number a dimension.
        out: of the output map.
        kernel, stride, padding, dilation: one number a dimension; ``padding``: before.
        transposed: the convolution spreads its input instead of gathering it.
    """

    sizes: tuple[int, ...]
    out: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    transposed: bool = False

    @property
    def inputs(self) -> int:
        """Positions of the input map."""
        return prod(self.sizes)

    @property
    def outputs(self) -> int:
        """Positions of the output map."""
        return prod(self.out)

    @property
    def taps(self) -> int:
        """Positions of the kernel."""
        return prod(self.kernel)

    def sources(self, at: Tensor) -> Tensor:
        """For the flat output positions ``at`` (S,) the flat input positions (S, taps) that they
        see; :attr:`inputs`, one past the last, where a tap meets padding or nothing."""
        flat = torch.zeros((len(at), 1), dtype=torch.int64, device=at.device)
        valid = torch.ones((len(at), 1), dtype=torch.bool, device=at.device)
        rest = at
        places = []
        for size in reversed(self.out):
            places.append(rest % size)
            rest = rest // size
        for dim, place in enumerate(reversed(places)):
            index, inside = self._along(dim, place)
            flat = (flat[:, :, None] * self.sizes[dim] + index[:, None, :]).flatten(1)
            valid = (valid[:, :, None] & inside[:, None, :]).flatten(1)
        return torch.where(valid, flat, self.inputs)

    def _along(self, dim: int, place: Tensor) -> tuple[Tensor, Tensor]:
        """Input positions (S, kernel) along one dimension, and which of them exist."""
        tap = torch.arange(self.kernel[dim], device=place.device) * self.dilation[dim]
        stride, padding = self.stride[dim], self.padding[dim]
        if self.transposed:
            spread = place[:, None] + padding - tap
            index = spread.div(stride, rounding_mode="floor")
            inside = spread % stride == 0
        else:
            index = place[:, None] * stride - padding + tap
            inside = torch.ones_like(index, dtype=torch.bool)
        return index, inside & (index >= 0) & (index < self.sizes[dim])


def pointwise(positions: int) -> Window:
    """Every output position sees the input position of the same number."""
    return Window((positions,), (positions,), (1,), (1,), (0,), (1,))
