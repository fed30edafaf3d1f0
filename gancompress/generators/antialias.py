"""Blurred down- and up-sampling (Zhang 2019), as CUT uses it.

The filters are buffers of one kernel a channel, named ``filt`` as in the published files.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class BlurDown(nn.Module):
    """Half the size: blurred by [1, 2, 1], then every second pixel; borders reflected."""

    filt: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("filt", _kernel([1.0, 2.0, 1.0]).repeat(channels, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, ⌈H/2⌉, ⌈W/2⌉)."""
        padded = F.pad(x, (1, 1, 1, 1), mode="reflect")
        return F.conv2d(padded, self.filt, stride=2, groups=x.size(1))


class BlurUp(nn.Module):
    """Twice the size: zeros between the pixels, blurred by [1, 3, 3, 1]; borders repeated."""

    filt: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        # Four times as strong: three of four pixels are zeros.
        self.register_buffer("filt", 4 * _kernel([1.0, 3.0, 3.0, 1.0]).repeat(channels, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, 2H, 2W)."""
        padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
        h = F.conv_transpose2d(padded, self.filt, stride=2, padding=2, groups=x.size(1))
        return h[:, :, 1:-1, 1:-1]


def _kernel(taps: list[float]) -> Tensor:
    line = torch.tensor(taps)
    return (torch.outer(line, line) / line.sum() ** 2)[None, None]
