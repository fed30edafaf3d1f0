"""The block that DCGAN and DiStyleGAN are made of: up-sample, convolve, normalise, activate."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancompress.generators import small_maps

# Pixels a side up to which the convolution is a few products of matrices.
SMALL = 4


class UpBlock(nn.Sequential):
    """Nearest ×2, 3×3 convolution, batch norm, activation.

    In training, up-sampling and convolution are one transposed convolution: the same numbers, up to
    rounding, for 4/9 of the multiply-adds (:func:`upsampled_conv`).

    Args:
        channels: of the input.
        widths: channels that the convolution gives.
        activation: is applied last; it may change the channels.
    """

    def __init__(self, channels: int, widths: int, activation: nn.Module) -> None:
        super().__init__(
            nn.Upsample(scale_factor=2.0, mode="nearest"),
            # No bias where a batch norm follows: it would be subtracted again.
            nn.Conv2d(channels, widths, 3, padding=1, bias=False),
            nn.BatchNorm2d(widths),
            activation,
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', 2H, 2W)."""
        upsample, conv, norm, activation = self
        # Another convolution may have been put in its place; hooks want to see what lies between.
        watched = conv._forward_hooks or upsample._forward_hooks
        if self.training and type(conv) is nn.Conv2d and not watched:
            h = upsampled_conv(x, conv.weight)
        else:
            h = conv(upsample(x))
        result: Tensor = activation(norm(h))
        return result


class GLU(nn.Module):
    """First half of the channels times the sigmoid of the second, as ``nn.GLU(dim=1)``.

    PyTorch's own gives its gradient with channels first whatever came in; the batch norm before it
    then takes ten times as long to go backward in channels last (measured with 2.15).
    """

    def forward(self, x: Tensor) -> Tensor:
        value, gate = x.chunk(2, dim=1)
        return value * torch.sigmoid(gate)


def upsampled_conv(x: Tensor, weight: Tensor) -> Tensor:
    """``conv2d(x up-sampled ×2 to the nearest, weight, padding=1)`` without the larger map.

    Each pixel of ``x`` becomes 2×2 equal ones, so what it adds to the result is the kernel laid
    down four times, one pixel apart: a 4×4 kernel of sums, moved on by two.

    Args:
        x: (N, C, H, W).
        weight: (C', C, 3, 3).

    Returns:
        (N, C', 2H, 2W).
    """
    # Which of the three taps meet in each of the four places of a row: 2; 1 + 2; 0 + 1; 0.
    once = torch.eye(4, 3, dtype=weight.dtype, device=weight.device)
    meeting = (once + once.roll(1, 0)).flip(1)
    # All sums in one product, laid out in channels last: (16, 9) · (C, 9, C').
    sums = torch.einsum("ca,db->cdab", meeting, meeting).reshape(16, 9)
    taps = weight.permute(1, 2, 3, 0).flatten(1, 2)
    kernel = torch.matmul(sums, taps).view(weight.size(1), 4, 4, -1).permute(0, 3, 1, 2)
    if small_maps.fits(x, SMALL):
        return small_maps.conv_transpose2d(x, kernel, 2, 1)
    if weight.stride(1) != 1:
        # The result is laid out in memory as the kernel is.
        kernel = kernel.contiguous()
    return F.conv_transpose2d(x, kernel, stride=2, padding=1)
