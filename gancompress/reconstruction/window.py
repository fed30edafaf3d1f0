"""Which inputs every output of a layer sees: convolutions of any kind as one table of positions."""

from collections.abc import Sequence
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

    @property
    def phases(self) -> int:
        """Parts of the kernel that never meet: of a transposed convolution with stride, output
        positions of each remainder see taps of their own, so that its equations fall apart."""
        plain = self.transposed and set(self.dilation) == {1}
        sizes = zip((*self.kernel, *self.out), self.stride * 2, strict=True)
        return prod(self.stride) if plain and all(size % s == 0 for size, s in sizes) else 1

    def phase_taps(self) -> Tensor:
        """The taps of every phase: (phases, taps // phases)."""
        remainders = cartesian([torch.arange(s) for s in self.stride])
        tap = cartesian([torch.arange(k) for k in self.kernel])
        stride, padding = torch.tensor(self.stride), torch.tensor(self.padding)
        meets = ((remainders[:, None] + padding - tap) % stride == 0).all(2)
        return meets.nonzero()[:, 1].view(len(remainders), -1)

    def of_phases(self, coarse: Tensor) -> Tensor:
        """The output positions of every phase in the cells ``coarse`` (S,) of the output map, each
        of which holds one of each phase: (phases × S,), phase by phase."""
        cells = [size // s for size, s in zip(self.out, self.stride, strict=True)]
        places = torch.stack(torch.unravel_index(coarse, cells), dim=1)
        corner = places * torch.tensor(self.stride)
        place = corner + cartesian([torch.arange(s) for s in self.stride])[:, None]
        flat = torch.zeros(place.shape[:2], dtype=torch.int64)
        for dim, size in enumerate(self.out):
            flat = flat * size + place[:, :, dim]
        return flat.flatten()

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


def cartesian(ranges: Sequence[Tensor]) -> Tensor:
    """Every combination of numbers, one of each of ``ranges``: (combinations, ranges)."""
    return torch.stack([g.flatten() for g in torch.meshgrid(*ranges, indexing="ij")], dim=1)


def pointwise(positions: int) -> Window:
    """Every output position sees the input position of the same number."""
    return Window(
        sizes=(positions,), out=(positions,), kernel=(1,), stride=(1,), padding=(0,), dilation=(1,)
    )
