"""What stands for PyTorch's own operators where only shapes matter."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from gancompress.supernet.recorder import Recorder

OPERATIONS = {
    "add": lambda a, b: a + b,
    "add_": lambda a, b: a.clone().add_(b, alpha=2),
    "scaled": lambda a, b: a * 0.5 - 1,
    "divided": lambda a, b: a / b,
    "leaky_relu": lambda a, b: F.leaky_relu(a, 0.2),
    "leaky_relu_": lambda a, b: F.leaky_relu(a.clone(), 0.2, inplace=True),
    "gelu": lambda a, b: F.gelu(a, approximate="tanh"),
    "broadcast": lambda a, b: a + b[:1],
    "promoted": lambda a, b: a + b.double(),
    "strided": lambda a, b: a + b.mT.contiguous().mT,
    "whole_numbers": lambda a, b: a.long() / 2,
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_shapes_types_and_strides_are_pytorchs(name: str) -> None:
    given = [torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last) for _ in range(2)]
    expected: Tensor = OPERATIONS[name](*given)
    with torch.no_grad(), Recorder(lambda *_: None):
        made: Tensor = OPERATIONS[name](*(t.to("meta") for t in given))
    assert (made.shape, made.dtype, made.stride()) == (
        expected.shape,
        expected.dtype,
        expected.stride(),
    )
