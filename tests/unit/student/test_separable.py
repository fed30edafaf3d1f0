"""Module surgery: k×k convolutions become depthwise + pointwise ones."""

import copy

import pytest
import torch
from torch import nn

from gancompress.errors import RecipeError
from gancompress.student.separable import SeparableConv, separate, separate_kernel


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(8, 12, 3, stride=2, padding=1, padding_mode="reflect")
        self.conv2 = nn.Conv2d(12, 8, 5, padding=2, bias=False)
        self.narrow = nn.Conv2d(8, 8, 1)
        self.grouped = nn.Conv2d(8, 8, 3, padding=1, groups=8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.grouped(self.narrow(self.conv2(self.conv1(x))))


def separable_conv(**options: object) -> nn.Conv2d:
    conv = nn.Conv2d(6, 10, 3, **options)
    spatial, mixing = torch.randn(6, 3, 3), torch.randn(10, 6)
    conv.weight.data = torch.einsum("oi,iyx->oiyx", mixing, spatial)
    return conv


@pytest.mark.parametrize(
    "options",
    [
        {"padding": 1},
        {"padding": 1, "stride": 2, "bias": False},
        {"padding": 2, "dilation": 2, "padding_mode": "reflect"},
    ],
)
def test_function_is_equal_when_the_kernel_is_separable(options: dict[str, object]) -> None:
    conv = separable_conv(**options)
    x = torch.randn(2, 6, 9, 11)
    torch.testing.assert_close(SeparableConv(conv)(x), conv(x), rtol=1e-4, atol=1e-5)


def test_kernel_is_the_best_of_rank_one_for_every_input_channel() -> None:
    weight = torch.randn(16, 5, 3, 3, dtype=torch.float64)
    spatial, mixing = separate_kernel(weight)
    error = (weight - mixing * spatial.transpose(0, 1)).square().sum((0, 2, 3))
    singular = torch.linalg.svdvals(weight.transpose(0, 1).reshape(5, 16, 9))
    torch.testing.assert_close(error, singular[:, 1:].square().sum(-1))


def test_depthwise_and_pointwise_kernels_share_the_scale() -> None:
    spatial, mixing = separate_kernel(torch.randn(16, 5, 3, 3))
    torch.testing.assert_close(spatial.flatten(1).norm(dim=1), mixing.flatten(1).norm(dim=0))


def test_channel_without_weight_stays_finite() -> None:
    weight = torch.randn(4, 3, 3, 3)
    weight[:, 1] = 0
    spatial, mixing = separate_kernel(weight)
    assert torch.isfinite(spatial).all()
    assert torch.isfinite(mixing).all()
    assert torch.count_nonzero(mixing[:, 1] * spatial[1].sum()) == 0


def test_state_has_the_form_of_gan_compression() -> None:
    block = Block()
    assert separate(block, ["conv1"], norm="batch") == ["conv1"]
    shapes = {n: tuple(p.shape) for n, p in block.conv1.named_parameters()}
    assert shapes["conv.0.weight"] == (8, 1, 3, 3)
    assert shapes["conv.0.bias"] == (8,)
    assert shapes["conv.1.weight"] == (8,)
    assert shapes["conv.2.weight"] == (12, 8, 1, 1)
    assert shapes["conv.2.bias"] == (12,)


def test_only_convolutions_with_a_separable_form_are_replaced() -> None:
    block = Block()
    assert separate(block, ["*"]) == ["conv1", "conv2"]
    assert block(torch.randn(1, 8, 8, 8)).shape == (1, 8, 4, 4)


def test_spectral_norm_is_left_alone() -> None:
    block = nn.Sequential(
        nn.utils.parametrizations.spectral_norm(nn.Conv2d(4, 4, 3)),
        nn.utils.spectral_norm(nn.Conv2d(4, 4, 3)),
        nn.Conv2d(4, 4, 3),
    )
    assert separate(block, ["*"]) == ["2"]


def test_convolution_used_twice_is_replaced_once() -> None:
    conv = nn.Conv2d(4, 4, 3, padding=1)
    module = nn.Sequential(conv, nn.ReLU(), conv)
    assert separate(module, ["*"]) == ["0", "2"]
    assert module[0] is module[2]


def test_dtype_device_and_mode_are_kept() -> None:
    module = nn.Sequential(nn.Conv2d(4, 4, 3)).double().eval()
    separate(module, ["0"], norm="instance")
    assert {p.dtype for p in module.parameters()} == {torch.float64}
    assert not any(m.training for m in module.modules())


def test_works_on_the_meta_device() -> None:
    with torch.device("meta"):
        module = nn.Sequential(nn.Conv2d(4, 4, 3))
    separate(module, ["0"])
    assert all(p.is_meta for p in module.parameters())


def test_pattern_that_matches_nothing_names_what_there_is() -> None:
    block = Block()
    before = copy.deepcopy(block.state_dict())
    with pytest.raises(RecipeError, match=r"'blocks\.\*'.*conv1, conv2"):
        separate(block, ["conv1", "blocks.*"])
    assert block.state_dict().keys() == before.keys()


def test_unknown_norm_is_refused() -> None:
    with pytest.raises(RecipeError, match="none, instance, batch"):
        separate(Block(), ["conv1"], norm="layer")
