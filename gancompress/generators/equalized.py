"""Layers with equalised learning rate (Karras et al. 2018): weights are scaled at run time."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SLOPE = 0.2  # of the leaky ReLU
GAIN = math.sqrt(2.0)  # that keeps the variance through it


class FullyConnected(nn.Module):
    """Linear layer (N, in) to (N, out).

    Args:
        in_features: length of the input.
        out_features: length of the output.
        activate: leaky ReLU and its gain after it.
        lr_multiplier: of the layer's learning rate, through the scale of weight and bias.
        bias_init: of the bias.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        activate: bool = False,
        lr_multiplier: float = 1.0,
        bias_init: float = 0.0,
    ) -> None:
        super().__init__()
        self.activate, self.lr_multiplier = activate, lr_multiplier
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / lr_multiplier)
        self.bias = nn.Parameter(torch.full((out_features,), bias_init))

    def forward(self, x: Tensor) -> Tensor:
        # Scaling the input is scaling the weight, at a fraction of the cost.
        gain = self.lr_multiplier / math.sqrt(self.weight.size(1))
        h = F.linear(x * gain, self.weight, self.bias * self.lr_multiplier)
        return leaky_relu(h * GAIN, None) if self.activate else h


def leaky_relu(x: Tensor, clamp: float | None) -> Tensor:
    """Leaky ReLU .2 clamped to ± ``clamp``, in place: ``x`` is the caller's own and scaled already.

    In place because fresh memory for a map costs a CPU more than the arithmetic on it.
    """
    if clamp is not None:
        x = x.clamp_(-clamp / SLOPE, clamp)
    return F.leaky_relu(x, SLOPE, inplace=True)
