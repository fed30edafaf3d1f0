"""HiFi-GAN (Kong et al. 2020): a mel spectrogram to a wave.

Tensor names equal those of its program's checkpoints, weight norms folded into the weights.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gancompress.batch import Input, InputSpec

_SLOPE = 0.1  # of the leaky ReLUs, but for the last, which has PyTorch's .01


class HiFiGANGenerator(nn.Module):
    """Mel spectrogram to wave.

    Args:
        mels: bands of the spectrogram.
        width: channels of the first convolution; halved by each enlargement.
        rates: factors of the enlargements.
        rate_kernels: their kernel sizes.
        kernels: kernel sizes of the residual blocks whose mean each enlargement is followed by.
        dilations: of the convolutions of each of these blocks.
        paired: a convolution without dilation follows each dilated one (resblock "1": V1 and V2).
        frames: of the spectrograms that it is meant for; any number works.
    """

    def __init__(
        self,
        mels: int = 80,
        width: int = 512,
        rates: Sequence[int] = (8, 8, 2, 2),
        rate_kernels: Sequence[int] = (16, 16, 4, 4),
        kernels: Sequence[int] = (3, 7, 11),
        dilations: Sequence[Sequence[int]] = ((1, 3, 5), (1, 3, 5), (1, 3, 5)),
        paired: bool = True,
        frames: int = 32,
    ) -> None:
        super().__init__()
        self.kinds = len(kernels)
        self.inputs: InputSpec = {"mel": Input("normal", (mels, frames))}
        self.conv_pre = nn.Conv1d(mels, width, 7, padding=3)
        self.ups, self.resblocks = nn.ModuleList(), nn.ModuleList()
        for rate, kernel in zip(rates, rate_kernels, strict=True):
            padding = (kernel - rate) // 2
            self.ups.append(nn.ConvTranspose1d(width, width // 2, kernel, rate, padding))
            width //= 2
            for size, factors in zip(kernels, dilations, strict=True):
                self.resblocks.append((_Pairs if paired else _Singles)(width, size, factors))
        self.conv_post = nn.Conv1d(width, 1, 7, padding=3)

    def forward(self, mel: Tensor) -> Tensor:
        """(N, mels, T) to (N, 1, T · the product of all rates) in [-1, 1]."""
        h = self.conv_pre(mel)
        for index, up in enumerate(self.ups):
            h = up(F.leaky_relu(h, _SLOPE))
            places = range(index * self.kinds, (index + 1) * self.kinds)
            h = sum(self.resblocks[place](h) for place in places) / self.kinds
        return torch.tanh(self.conv_post(F.leaky_relu(h)))


def _conv(width: int, kernel: int, dilation: int) -> nn.Conv1d:
    padding = dilation * (kernel - 1) // 2
    return nn.Conv1d(width, width, kernel, dilation=dilation, padding=padding)


class _Pairs(nn.Module):
    def __init__(self, width: int, kernel: int, dilations: Sequence[int]) -> None:
        super().__init__()
        self.convs1 = nn.ModuleList(_conv(width, kernel, factor) for factor in dilations)
        self.convs2 = nn.ModuleList(_conv(width, kernel, 1) for _ in dilations)

    def forward(self, x: Tensor) -> Tensor:
        for first, second in zip(self.convs1, self.convs2, strict=True):
            x = x + second(F.leaky_relu(first(F.leaky_relu(x, _SLOPE)), _SLOPE))
        return x


class _Singles(nn.Module):
    def __init__(self, width: int, kernel: int, dilations: Sequence[int]) -> None:
        super().__init__()
        self.convs = nn.ModuleList(_conv(width, kernel, factor) for factor in dilations)

    def forward(self, x: Tensor) -> Tensor:
        for conv in self.convs:
            x = x + conv(F.leaky_relu(x, _SLOPE))
        return x
