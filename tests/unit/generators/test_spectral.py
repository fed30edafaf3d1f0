import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import spectral_norm

from gancompress.generators.spectral import SpectralConv2d, SpectralLinear


def _torch_twin(layer: SpectralConv2d) -> nn.Module:
    """PyTorch's own spectral norm with the same tensors."""
    out, channels, size, _ = layer.weight_orig.shape
    twin = spectral_norm(nn.Conv2d(channels, out, size, layer.stride, layer.padding))
    twin.load_state_dict(layer.state_dict())
    return twin


def test_equals_torch_spectral_norm_in_evaluation() -> None:
    layer = SpectralConv2d(3, 5, 4, stride=2, padding=1).eval()
    x = torch.randn(2, 3, 8, 8)
    assert torch.allclose(layer(x), _torch_twin(layer).eval()(x), atol=1e-6)


def test_equals_torch_spectral_norm_through_training_steps() -> None:
    layer = SpectralConv2d(3, 5, 3, padding=1)
    twin = _torch_twin(layer)
    x = torch.randn(2, 3, 8, 8)
    for _ in range(3):
        ours, theirs = layer(x), twin(x)
    assert torch.allclose(ours, theirs, atol=1e-6)
    assert torch.allclose(layer.weight_u, twin.weight_u, atol=1e-6)
    gradients = []
    for module, output in ((layer, ours), (twin, theirs)):
        output.square().sum().backward()
        gradients.append(module.weight_orig.grad)
    assert torch.allclose(*gradients, rtol=1e-4, atol=1e-4)


def test_training_brings_the_spectral_norm_to_one() -> None:
    layer = SpectralLinear(20, 30)
    for _ in range(50):
        layer(torch.randn(1, 20))
    assert abs(torch.linalg.matrix_norm(layer.eval().normalised(), 2).item() - 1) < 1e-3


def test_evaluation_leaves_the_power_iteration_alone() -> None:
    layer = SpectralLinear(4, 6).eval()
    before = copy.deepcopy(layer.state_dict())
    layer(torch.randn(2, 4))
    assert all(torch.equal(before[name], value) for name, value in layer.state_dict().items())


@pytest.mark.parametrize(("size", "padding"), [(4, 1), (3, 2), (2, 1)])
def test_a_map_no_larger_than_the_kernel_is_convolved_as_any_other(size: int, padding: int) -> None:
    torch.manual_seed(0)
    conv = SpectralConv2d(3, 5, 4, stride=2, padding=padding).double().eval()
    x = torch.randn(2, 3, size, size, dtype=torch.float64, requires_grad=True)
    expected = F.conv2d(x, conv.normalised(), conv.bias, 2, padding)
    found = conv(x)
    torch.testing.assert_close(found, expected)
    assert conv.bias is not None
    wanted = [x, conv.weight_orig, conv.bias]
    weights = torch.randn_like(found)
    for ours, theirs in zip(
        torch.autograd.grad((found * weights).sum(), wanted),
        torch.autograd.grad((expected * weights).sum(), wanted),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)
