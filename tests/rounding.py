"""How far apart two computations of the same thing may be on any processor.

The same call on the same data gives the same bits: a training that is resumed, a file that is read
again, tensors that are copied. Nothing else does. A convolution or a product of matrices sums its
products in an order that depends on the kernel that is chosen for it, by the instruction set, the
BLAS, the number of threads, the size of the batch, the memory layout and the alignment of the data;
a sample in another batch, or weights at another address, may be rounded differently.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

# Two orders of a float32 sum of n products differ by some √n ε of the largest (Higham 2002, section
# 4.2; ε = 1.2e-7): 30 ε for the longest sums of the tests. A few layers add theirs: 84 ε.
ONE_PASS = 1e-5

# After some steps of Adam, which divides a gradient by its own size: rounding in a gradient that is
# nearly zero may move a weight by up to the learning rate, 1e-3 in the tests, a step. Measured
# after six steps, with four sets of kernels: up to 2e-6 of the largest weight.
TRAINING = 1e-4


def same_but_for_rounding(found: Tensor, expected: Tensor, within: float = ONE_PASS) -> bool:
    """Whether no element differs by more than ``within`` of the largest magnitude."""
    if found.shape != expected.shape or found.dtype != expected.dtype:
        return False
    scale = max(float(expected.detach().abs().max()), 1e-30)
    return float((found - expected).detach().abs().max()) <= within * scale


def assert_same_but_for_rounding(
    found: Tensor, expected: Tensor, within: float = ONE_PASS, name: str = "it"
) -> None:
    """Fail, with the difference, where :func:`same_but_for_rounding` does not hold."""
    assert found.shape == expected.shape, (name, found.shape, expected.shape)
    difference = float((found - expected).detach().abs().max())
    assert same_but_for_rounding(found, expected, within), f"{name}: differs by {difference:g}"


def assert_same_tensors(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Fail where names or bits differ: for what was copied, saved and read, or resumed."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].dtype == value.dtype and torch.equal(found[name], value), name
