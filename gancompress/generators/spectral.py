"""Spectrally normalised layers, with the tensor names of the published checkpoints.

The weight is divided by its largest singular value, which one step of power iteration per training
pass follows (Miyato et al. 2018, Algorithm 1). Unlike ``torch.nn.utils.spectral_norm`` the weight
is computed inside ``forward`` and never stored on the module, so that a module can be copied,
exported and differentiated twice at any time.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


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
        rows = self.weight_orig.flatten(1)
        u, v = self.weight_u, self.weight_v
        if self.training:
            with torch.no_grad():
                v = F.normalize(rows.T @ u, dim=0)
                u = F.normalize(rows @ v, dim=0)
                self.weight_u.copy_(u)
                self.weight_v.copy_(v)
        return self.weight_orig / torch.dot(u, rows @ v)


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
        # Where the kernel covers the map, the CPU's product of matrices is twice as fast.
        if x.device.type == "cpu" and self.stride > 1 and max(x.shape[2:]) <= weight.size(2):
            return _conv_as_product(x, weight, self.bias, self.stride, self.padding)
        return F.conv2d(x, weight, self.bias, self.stride, self.padding)


class SpectralLinear(_SpectralWeight):
    """A linear layer whose weight has spectral norm 1."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        plain = nn.Linear(in_features, out_features, bias=bias)
        super().__init__(plain.weight, plain.bias)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.normalised(), self.bias)


def _conv_as_product(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int
) -> Tensor:
    """``F.conv2d`` as one product of all patches with the kernels; channels last."""
    kernel = weight.size(2)
    around = (0, 0, padding, padding, padding, padding)
    patches = (
        F.pad(x.permute(0, 2, 3, 1), around).unfold(1, kernel, stride).unfold(2, kernel, stride)
    )
    n, height, width = patches.shape[:3]
    rows = patches.permute(0, 1, 2, 4, 5, 3).reshape(n * height * width, -1)
    result = F.linear(rows, weight.permute(0, 2, 3, 1).reshape(weight.size(0), -1), bias)
    return result.view(n, height, width, -1).permute(0, 3, 1, 2)
