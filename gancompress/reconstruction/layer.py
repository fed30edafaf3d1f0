"""A layer as linear equations: its inputs as columns, its weights as one matrix.

Everything that multiplies by weights is seen alike. A convolution (transposed, dilated, grouped, in
one to three dimensions) is ``matrix.T @ columns`` with one column for each output position; a
linear layer is a convolution of one position; the scale and shift of a normalisation are a
depthwise one of the normalised input.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from gancompress.reconstruction.window import Window

Moments = tuple[Tensor, Tensor]
Kind = Literal["convolution", "transposed convolution", "linear", "embedding", "norm"]


@dataclass(frozen=True)
class Modulation:
    """Styles under which a batch uses the weight (Karras et al. 2020, StyleGAN2).

    Attributes:
        style: (N, inputs), what the inputs are multiplied by.
        gain: norm that the weights of every output channel are given; None where they keep theirs.
    """

    style: Tensor
    gain: float | None

    def factors(self, matrix: Tensor) -> Tensor:
        """What outputs are multiplied by: (N, outputs), for weights (blocks, rows, outputs)."""
        samples, inputs = self.style.shape
        if self.gain is None:
            return matrix.new_ones(samples, matrix.shape[2])
        powers = matrix.reshape(len(matrix), inputs, -1, matrix.shape[2]).square().sum((0, 2))
        norms = (self.style.to(powers).square() @ powers).clamp_min(1e-30).sqrt()
        return self.gain / norms


@dataclass(frozen=True)
class Layer:
    """One call of a layer.

    Attributes:
        kind: for reports.
        source: input as the function got it.
        weight, bias: as the function got them; a view of a parameter, or a multiple of one.
        groups: of channels that do not mix.
        modulation: styles that the source has been multiplied by, where the outputs are divided by
            the norms of the weights under them.
        phases: of the kernel, see :attr:`Window.phases`; a bias would tie them together.
        window: which inputs each output position sees.
        channels_last: source and output are (N, …, C), not (N, C, …).
        inputs_first: the weight is (in, out, …), not (out, in, …).
        moments: for norms, mean and standard deviation by which a source is normalised, in shapes
            that broadcast to it.
        statistics: for batch norms, running mean and variance, and what is added to the variance.
    """

    kind: Kind
    source: Tensor
    weight: Tensor | None
    bias: Tensor | None
    groups: int
    window: Window
    channels_last: bool = False
    inputs_first: bool = False
    moments: Callable[[Tensor], Moments] | None = None
    statistics: tuple[Tensor, Tensor, float] | None = None
    modulation: Modulation | None = None
    phases: int = 1

    @property
    def blocks(self) -> int:
        """Systems of equations that do not know each other."""
        return self.groups * self.phases

    @property
    def samples(self) -> int:
        """Maps of the source: those of a batch, unless the layer gets tokens before samples, or
        both in one dimension."""
        return self._maps(self.source, self.window.inputs).shape[0]

    def columns(self, at: Tensor) -> Tensor:
        """The inputs of the output positions ``at`` (S,), those of each phase together: (blocks,
        rows, N × S / phases).

        The last row is one throughout where there is a bias.
        """
        source = self.source
        if self.moments is not None:
            mean, deviation = self.moments(source)
            source = (source - mean) / deviation
        maps = self._maps(source, self.window.inputs)
        index = self.window.sources(at).view(self.phases, len(at) // self.phases, -1)
        if self.phases > 1:
            taps = self.window.phase_taps().to(at.device)[:, None]
            index = index.gather(2, taps.expand(-1, index.shape[1], -1))
        if bool((index == self.window.inputs).any()):
            maps = torch.nn.functional.pad(maps, (0, 1))
        # Channels first, so that one selection brings all columns in their order.
        samples, channels, size = maps.shape
        first = torch.arange(samples, device=at.device)[:, None] * size
        index = index.transpose(1, 2)[:, :, None] + first
        seen = maps.transpose(0, 1).reshape(channels, -1).index_select(1, index.flatten())
        seen = seen.view(self.groups, -1, self.phases, index.shape[1], index[0, 0].numel())
        seen = seen.transpose(1, 2).reshape(self.blocks, -1, seen.shape[4])
        if self.bias is None:
            return seen
        return torch.cat([seen, seen.new_ones(self.blocks, 1, seen.shape[2])], dim=1)

    def sampled(self, output: Tensor, at: Tensor) -> Tensor:
        """A tensor of the output's shape at the positions ``at`` (S,): (channels, N × S)."""
        maps = self._maps(output, self.window.outputs).index_select(2, at)
        return maps.transpose(0, 1).flatten(1)

    def targets(self, sampled: Tensor) -> Tensor:
        """What :meth:`sampled` gives, as the columns are laid out: (blocks, outputs, N × S /
        phases)."""
        samples = self.samples
        parts = sampled.view(
            self.groups, -1, samples, self.phases, sampled.shape[1] // samples // self.phases
        )
        return parts.permute(0, 3, 1, 2, 4).flatten(3).flatten(0, 1)

    def matrix(self, weight: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
        """Weight and bias (the layer's own by default) as (blocks, rows, outputs of a group)."""
        weight = self.weight if weight is None else weight
        bias = self.bias if bias is None else bias
        parts = []
        if weight is not None and self.inputs_first:
            w = weight.reshape(self.groups, weight.shape[0] // self.groups, weight.shape[1], -1)
            w = w.transpose(2, 3)
            if self.phases > 1:
                w = w[:, :, self.window.phase_taps()].transpose(1, 2).flatten(0, 1)
            parts.append(w.flatten(1, 2))
        elif weight is not None:
            outputs = 1 if self.kind == "norm" else weight.shape[0] // self.groups
            parts.append(weight.reshape(self.groups, outputs, -1).mT)
        if bias is not None:
            parts.append(bias.reshape(self.groups, 1, -1))
        return torch.cat(parts, dim=1)

    def tensors(self, matrix: Tensor) -> tuple[Tensor, Tensor | None]:
        """The inverse of :meth:`matrix`: weight and bias of their own shapes and types."""
        assert self.weight is not None
        rows, bias = matrix, None
        if self.bias is not None:
            rows, bias = matrix[:, :-1], matrix[:, -1].reshape(self.bias.shape).to(self.bias)
        if self.inputs_first:
            inputs, outputs = self.weight.shape[0] // self.groups, self.weight.shape[1]
            rows = rows.reshape(self.groups, self.phases, inputs, -1, outputs).transpose(1, 2)
            rows = rows.flatten(2, 3)
            if self.phases > 1:
                rows = rows[:, :, self.window.phase_taps().flatten().argsort()]
            rows = rows.transpose(2, 3)
        else:
            rows = rows.mT
        return rows.reshape(self.weight.shape).to(self.weight), bias

    def factors(self, matrix: Tensor | None = None) -> Tensor:
        """What a modulated layer's outputs are multiplied by with the weights ``matrix`` (its own
        by default): (N, outputs)."""
        assert self.modulation is not None
        return self.modulation.factors(self.matrix() if matrix is None else matrix)

    def _maps(self, value: Tensor, positions: int) -> Tensor:
        """(N, C, positions) of a source or an output."""
        if self.channels_last:
            if value.dim() == 1:
                value = value[None]
            return value.reshape(value.shape[0], positions, -1).transpose(1, 2)
        if self.moments is None and value.dim() < len(self.window.sizes) + 2:
            value = value[None]
        samples = len(self.modulation.style) if self.modulation is not None else value.shape[0]
        return value.reshape(samples, -1, positions)
