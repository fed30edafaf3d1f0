import torch
from torch import nn

from gancompress.generators.norms import SeparableConv2d, norm


def test_instance_norm_has_no_tensors() -> None:
    assert not norm("instance", 4).state_dict()
    assert isinstance(norm("batch", 4), nn.BatchNorm2d)


def test_separable_convolution_names_depthwise_and_pointwise() -> None:
    layer = SeparableConv2d(6, 4, 3, padding=1)
    shapes = {name: tuple(tensor.shape) for name, tensor in layer.state_dict().items()}
    assert shapes["conv.0.weight"] == (6, 1, 3, 3)
    assert shapes["conv.2.weight"] == (4, 6, 1, 1)
    assert layer(torch.randn(2, 6, 5, 5)).shape == (2, 4, 5, 5)
