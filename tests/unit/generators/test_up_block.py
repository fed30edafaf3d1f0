"""The up-sampling block: one transposed convolution in training, with the numbers of both steps."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gancompress.generators.up_block import GLU, UpBlock, upsampled_conv


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_upsampled_conv_equals_the_two_steps_forward_and_backward(
    layout: torch.memory_format,
) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 5, 4, 3, dtype=torch.float64)
    weight = torch.randn(7, 5, 3, 3, dtype=torch.float64).contiguous(memory_format=layout)
    pairs = []
    for join in (True, False):
        a, w = x.clone().requires_grad_(), weight.clone().requires_grad_()
        larger = F.interpolate(a, scale_factor=2.0)
        result = upsampled_conv(a, w) if join else F.conv2d(larger, w, padding=1)
        (result * torch.arange(result.numel()).view(result.shape)).sum().backward()
        pairs.append((result, a.grad, w.grad))
    for found, expected in zip(*pairs, strict=True):
        torch.testing.assert_close(found, expected)


def test_channels_last_stays_so_forward_and_backward() -> None:
    block = UpBlock(8, 16, GLU()).to(memory_format=torch.channels_last).train()
    x = torch.randn(2, 8, 4, 4).contiguous(memory_format=torch.channels_last).requires_grad_()
    gradients: list[torch.Tensor] = []
    block[2].register_full_backward_hook(lambda _m, _i, out: gradients.append(out[0]))
    result = block(x)
    result.backward(torch.randn_like(result))
    for tensor in (result, *gradients):
        assert tensor.is_contiguous(memory_format=torch.channels_last)


def test_a_replaced_or_tapped_convolution_runs_as_it_stands() -> None:
    torch.manual_seed(0)
    block = UpBlock(4, 6, nn.ReLU()).train()
    x = torch.randn(2, 4, 3, 3)
    expected = block(x)
    seen: list[torch.Tensor] = []
    with block[1].register_forward_hook(lambda _m, _i, output: seen.append(output)):
        torch.testing.assert_close(block(x), expected)
    assert seen[0].shape == (2, 6, 6, 6)
    block[1] = nn.Sequential(block[1])
    torch.testing.assert_close(block(x), expected)


def test_glu_equals_pytorchs() -> None:
    x = torch.randn(2, 6, 3, 3)
    torch.testing.assert_close(GLU()(x), F.glu(x, 1))
