"""Generators that answer in another range than [-1, 1], brought to it where they are built."""

from typing import Any

from torch import Tensor, nn

RANGE = (-1.0, 1.0)


class Signed(nn.Module):
    """``module`` with its images of [low, high] mapped to [-1, 1], as all other generators give.

    Values outside stay outside: nothing is clamped or stretched.
    """

    def __init__(self, module: nn.Module, low: float, high: float) -> None:
        super().__init__()
        self.module = module
        self.low, self.high = low, high
        inputs = getattr(module, "inputs", None)
        if inputs is not None:
            self.inputs = inputs

    def forward(self, *inputs: Any, **named: Any) -> Tensor:
        images: Tensor = self.module(*inputs, **named)
        return (images - self.low) * (2 / (self.high - self.low)) - 1

    def extra_repr(self) -> str:
        return f"low={self.low}, high={self.high}"


def signed(module: nn.Module, output_range: tuple[float, float]) -> nn.Module:
    """``module`` itself where it answers in [-1, 1] already, or else :class:`Signed` around it."""
    return module if output_range == RANGE else Signed(module, *output_range)
