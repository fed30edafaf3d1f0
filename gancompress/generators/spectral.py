"""Spectrally normalised layers, with the tensor names of the published checkpoints.

The weight is divided by its largest singular value, which one step of power iteration per training
pass follows (Miyato et al. 2018, Algorithm 1). Unlike ``torch.nn.utils.spectral_norm`` the weight
is computed inside ``forward`` and never stored on the module, so that a module can be copied,
exported and differentiated twice at any time.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gancompress.generators import small_maps

# Pixels a side up to which a strided convolution is a few products of matrices.
SMALL = 8


class _SpectralWeight(nn.Module):
    """Holds ``weight_orig``, ``weight_u`` (out,) and ``weight_v`` (in · kernel,)."""

    weight_u: Tensor
    weight_v: Tensor
    bias: nn.Parameter | None

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.weight_orig = nn.Parameter(weight.detach().clone())
        self.bias = None if bias is None else nn.Parameter(bias.detach())
        rows = weight.detach().flatten(1)
        # A few steps from a random start: the norm is near its value from the first pass on.
        u = F.normalize(torch.randn(rows.size(0), dtype=rows.dtype, device=rows.device), dim=0)
        for _ in range(5):
            v = F.normalize(rows.T @ u, dim=0)
            u = F.normalize(rows @ v, dim=0)
        self.register_buffer("weight_u", u)
        self.register_buffer("weight_v", v)

    def normalised(self) -> Tensor:
        """``weight_orig`` over its spectral norm; moves the power iteration on in training."""
        rows, u = _as_in_memory(self.weight_orig, self.weight_orig).flatten(1), self.weight_u
        kept = _as_in_memory(self.weight_v.view(1, *self.weight_orig.shape[1:]), self.weight_orig)
        v = kept.flatten()
        if self.training:
            with torch.no_grad():
                v = F.normalize(rows.T @ u, dim=0)
                u = F.normalize(rows @ v, dim=0)
                self.weight_u.copy_(u)
                kept.copy_(v.view(kept.shape))
        return self.weight_orig / torch.dot(u, rows @ v)


def _as_in_memory(x: Tensor, weight: Tensor) -> Tensor:
    """A view of ``x`` with its dimensions in the order in which ``weight`` lies in memory.

    Rows of a weight in channels last need not be copied then.
    """
    return x.permute(0, 2, 3, 1) if weight.ndim == 4 and weight.stride(1) == 1 else x


class SpectralConv2d(_SpectralWeight):
    """A zero-padded square convolution whose weight has spectral norm 1."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
        bias: bool = True,
    ) -> None:
        plain = nn.Conv2d(in_channels, out_channels, kernel_size, bias=bias)
        super().__init__(plain.weight, plain.bias)
        self.stride, self.padding = stride, padding

    def forward(self, x: Tensor) -> Tensor:
        weight = self.normalised()
        if self.stride > 1 and small_maps.fits(x, SMALL):
            result = small_maps.conv2d(x, weight, self.stride, self.padding)
            return result if self.bias is None else result + self.bias.view(-1, 1, 1)
        return F.conv2d(x, weight, self.bias, self.stride, self.padding)


class SpectralLinear(_SpectralWeight):
    """A linear layer whose weight has spectral norm 1."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        plain = nn.Linear(in_features, out_features, bias=bias)
        super().__init__(plain.weight, plain.bias)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.normalised(), self.bias)
