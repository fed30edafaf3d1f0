"""What each operator does to channels: one small network per behaviour."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from gancompress.supernet import Supernet

IMAGE = (2, 3, 8, 8)


class Between(nn.Module):
    """conv 3→``made``, something, conv ``taken``→3."""

    def __init__(self, made: int, middle: Callable[[Tensor], Tensor], taken: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, made, 1)
        self.middle = middle
        self.last = nn.Conv2d(taken, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.last(self.middle(self.first(x)))
        return out


def shuffled(x: Tensor) -> Tensor:
    n, c, h, w = x.shape
    return x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


def gated(x: Tensor) -> Tensor:
    a, b = x.chunk(2, dim=1)
    return a * b.sigmoid()


def halved(x: Tensor) -> Tensor:
    half = x.shape[1] // 2
    return x[:, :half] * x[:, half:].sigmoid()


def pixel_shuffled_by_hand(x: Tensor) -> Tensor:
    n, c, h, w = x.shape
    return x.view(n, c // 4, 2, 2, h, w).permute(0, 1, 4, 2, 5, 3).reshape(n, c // 4, 2 * h, 2 * w)


def heads(x: Tensor) -> Tensor:
    n, c, h, w = x.shape
    split = x.view(n, 4, c // 4, h * w)
    weights = torch.softmax(split.transpose(-1, -2) @ split, dim=-1)
    return (split @ weights).reshape(n, c, h, w)


def attention(x: Tensor) -> Tensor:
    flat = x.flatten(2).transpose(1, 2)
    out = F.scaled_dot_product_attention(flat, flat, flat)
    return out.transpose(1, 2).reshape(x.shape)


def standardised(x: Tensor) -> Tensor:
    mean = x.mean((2, 3), keepdim=True)
    return (x - mean) / (x.var((2, 3), keepdim=True) + 1e-5).sqrt()


# Name -> (network, {elastic group: (channels, unit)}).
MIDDLES: dict[str, tuple[Callable[[], nn.Module], dict[str, tuple[int, int]]]] = {
    "activation": (lambda: Between(16, F.hardswish, 16), {"first": (16, 1)}),
    "prelu": (lambda: Between(16, nn.PReLU(16), 16), {"first": (16, 1)}),
    "batch_norm": (lambda: Between(16, nn.BatchNorm2d(16), 16), {"first": (16, 1)}),
    "instance_norm": (lambda: Between(16, nn.InstanceNorm2d(16), 16), {"first": (16, 1)}),
    "affine_instance_norm": (
        lambda: Between(16, nn.InstanceNorm2d(16, affine=True), 16),
        {"first": (16, 1)},
    ),
    "group_norm_drops_groups": (lambda: Between(32, nn.GroupNorm(8, 32), 32), {"first": (32, 4)}),
    "group_norm_thins_groups": (lambda: Between(32, nn.GroupNorm(2, 32), 32), {"first": (32, 2)}),
    "local_statistics": (lambda: Between(16, standardised, 16), {"first": (16, 1)}),
    "glu": (lambda: Between(32, nn.GLU(1), 16), {"first": (16, 1)}),
    "chunk": (lambda: Between(32, gated, 16), {"first": (16, 1)}),
    "slices": (lambda: Between(32, halved, 16), {"first": (16, 1)}),
    "concatenation_doubles": (
        lambda: Between(16, lambda x: torch.cat([x, -x], 1), 32),
        {"first": (16, 1)},
    ),
    "residual": (lambda: Between(16, lambda x: x + x.relu(), 16), {"first": (16, 1)}),
    "squeeze": (
        lambda: Between(16, lambda x: x * x.mean((2, 3), keepdim=True).sigmoid(), 16),
        {"first": (16, 1)},
    ),
    "pixel_shuffle": (lambda: Between(64, nn.PixelShuffle(2), 16), {"first": (16, 1)}),
    "pixel_unshuffle": (lambda: Between(16, nn.PixelUnshuffle(2), 64), {"first": (16, 1)}),
    "pixel_shuffle_by_hand": (
        lambda: Between(64, pixel_shuffled_by_hand, 16),
        {"first": (16, 1)},
    ),
    "channel_shuffle": (lambda: Between(32, shuffled, 32), {"first": (32, 2)}),
    "attention": (lambda: Between(16, attention, 16), {"first": (16, 1)}),
    "attention_heads_get_narrower": (lambda: Between(32, heads, 32), {"first": (32, 4)}),
    "reflection_pad": (lambda: Between(16, nn.ReflectionPad2d(1), 16), {"first": (16, 1)}),
    "interpolation": (
        lambda: Between(16, nn.Upsample(scale_factor=2, mode="bilinear"), 16),
        {"first": (16, 1)},
    ),
    "pooling": (lambda: Between(16, nn.MaxPool2d(2), 16), {"first": (16, 1)}),
    "adaptive_pooling": (lambda: Between(16, nn.AdaptiveAvgPool2d(1), 16), {"first": (16, 1)}),
    "depthwise": (
        lambda: Between(16, nn.Conv2d(16, 16, 3, groups=16), 16),
        {"first": (16, 1)},
    ),
    "depthwise_multiplier": (
        lambda: Between(16, nn.Conv2d(16, 32, 3, groups=16), 32),
        {"first": (16, 1)},
    ),
    "grouped_drops_groups": (
        lambda: Between(32, nn.Conv2d(32, 32, 3, groups=8), 32),
        {"first": (32, 4)},
    ),
    "grouped_thins_groups": (
        lambda: Between(32, nn.Conv2d(32, 64, 3, groups=2), 64),
        {"first": (32, 2), "middle": (64, 2)},
    ),
    "transposed": (
        lambda: Between(16, nn.ConvTranspose2d(16, 24, 4, 2, 1), 24),
        {"first": (16, 1), "middle": (24, 1)},
    ),
    "transposed_depthwise": (
        lambda: Between(16, nn.ConvTranspose2d(16, 16, 4, 2, 1, groups=16), 16),
        {"first": (16, 1)},
    ),
    "padded_channels_stay": (
        lambda: Between(16, lambda x: F.pad(x, (0, 0, 0, 0, 2, 2)), 20),
        {"first": (16, 1)},
    ),
    "stacked": (
        lambda: Between(16, lambda x: torch.stack([x, x.relu()]).sum(0), 16),
        {"first": (16, 1)},
    ),
    "made_while_running": (
        lambda: Between(16, lambda x: x + torch.zeros(x.shape), 16),
        {"first": (16, 1)},
    ),
    "expanded": (
        lambda: Between(16, lambda x: x + x[:, :1].expand_as(x), 16),
        {"first": (16, 1)},
    ),
}


@pytest.mark.parametrize("name", MIDDLES)
def test_operator_is_followed(name: str) -> None:
    torch.manual_seed(0)
    build, expected = MIDDLES[name]
    supernet = Supernet(build(), torch.randn(IMAGE))
    elastic = {g.name: (g.channels, g.unit) for g in supernet.groups if g.pinned is None}
    assert elastic.items() >= expected.items()
    assert set(supernet.space.groups) == set(expected)
    assert_consistent(supernet, torch.randn(IMAGE))


def assert_consistent(supernet: Supernet, *inputs: Tensor) -> None:
    """Supernet = extracted module in evaluation and training; formula = counted."""
    for subnet in (supernet.space.smallest, supernet.space.uniform(0.6)):
        small = supernet.extract(subnet)
        for training in (False, True):
            supernet.train(training)
            small.train(training)
            torch.testing.assert_close(small(*inputs), supernet(*inputs, subnet=subnet))
        cost = supernet.cost_model.cost(subnet)
        small.eval().requires_grad_(False)
        with FlopCounterMode(display=False) as counter:
            small(*(x[:1] for x in inputs))
        assert cost.macs == counter.get_total_flops() // 2
        assert cost.params == sum(p.numel() for p in small.parameters())


class LayerNorms(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(12, 16)
        self.norm = nn.LayerNorm(16)
        self.plain = nn.LayerNorm(16, elementwise_affine=False)
        self.last = nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.last(self.plain(self.norm(self.first(x))))
        return out


def test_layer_norm_follows_its_input() -> None:
    supernet = Supernet(LayerNorms(), torch.randn(2, 5, 12))
    assert supernet.space.groups == ("first",)
    assert supernet.extract((8,)).norm.normalized_shape == (8,)
    assert_consistent(supernet, torch.randn(2, 5, 12))


class Embedded(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(10, 16)
        self.last = nn.Linear(16, 3)

    def forward(self, label: Tensor) -> Tensor:
        out: Tensor = self.last(self.embedding(label))
        return out


def test_embedding_columns_are_channels_and_rows_stay() -> None:
    supernet = Supernet(Embedded(), torch.tensor([1, 9]))
    small = supernet.extract(supernet.space.smallest)
    assert small.embedding.weight.shape == (10, 8)
    assert small.embedding.embedding_dim == 8


class Flattened(nn.Module):
    def __init__(self, fixed: bool) -> None:
        super().__init__()
        self.fixed = fixed
        self.fc = nn.Linear(8, 16 * 16)
        self.conv = nn.Conv2d(16, 16, 3, padding=1)
        self.last = nn.Linear(16 * 16, 3)

    def forward(self, z: Tensor) -> Tensor:
        h = self.fc(z)
        h = h.view(-1, 16, 4, 4) if self.fixed else h.view(z.size(0), -1, 4, 4)
        out: Tensor = self.last(self.conv(h).flatten(1))
        return out


def test_flattened_maps_repeat_their_channels() -> None:
    supernet = Supernet(Flattened(fixed=False), torch.randn(2, 8))
    assert supernet.space.groups == ("fc", "conv")
    small = supernet.extract((8, 8))
    assert small.fc.weight.shape == (8 * 16, 8)
    assert small.last.weight.shape == (3, 8 * 16)


def test_a_fixed_view_pins_its_group_and_says_how_to_free_it() -> None:
    supernet = Supernet(Flattened(fixed=True), torch.randn(2, 8))
    assert supernet.space.groups == ("conv",)
    reason = next(g.pinned for g in supernet.groups if g.name == "fc")
    assert reason is not None and reason.source is not None
    assert "view(-1, 16, 4, 4)" in reason.source.text
    assert reason.fix == "write x.view(x.shape[0], -1, 4, 4)"


class Modulated(nn.Module):
    """StyleGAN2's convolution: weights of each sample, the batch in the groups."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 16, 1)
        self.affine = nn.Linear(6, 16)
        self.weight = nn.Parameter(torch.randn(24, 16, 3, 3))
        self.last = nn.Conv2d(24, 3, 1)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        h = self.first(x)
        n, c, height, width = h.shape
        weight = self.weight[None] * self.affine(style)[:, None, :, None, None]
        weight = weight * (weight.square().sum((2, 3, 4), keepdim=True) + 1e-8).rsqrt()
        h = h.reshape(1, n * c, height, width)
        h = F.conv2d(h, weight.reshape(n * weight.shape[1], c, 3, 3), padding=1, groups=n)
        out: Tensor = self.last(h.reshape(n, -1, height, width))
        return out


def test_weight_modulation_is_followed() -> None:
    inputs = (torch.randn(IMAGE), torch.randn(2, 6))
    supernet = Supernet(Modulated(), inputs)
    assert supernet.space.groups == ("first", "weight")
    assert_consistent(supernet, *inputs)


class Shared(nn.Module):
    """One convolution used twice, and a linear layer tied to another."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 16, 1)
        self.twice = nn.Conv2d(16, 16, 1)
        self.left = nn.Linear(16, 24, bias=False)
        self.right = nn.Linear(16, 24, bias=False)
        self.right.weight = self.left.weight
        self.last = nn.Linear(24, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.twice(self.twice(self.first(x))).mean((2, 3))
        out: Tensor = self.last(self.left(h) + self.right(h.relu()))
        return out


def test_shared_parameters_stay_shared() -> None:
    supernet = Supernet(Shared(), torch.randn(IMAGE))
    assert supernet.space.groups == ("first", "left")
    small = supernet.extract(supernet.space.smallest)
    assert small.left.weight is small.right.weight
    assert small.left.weight.shape == (8, 8)
    assert_consistent(supernet, torch.randn(IMAGE))


@pytest.mark.parametrize(
    "wrap",
    [
        nn.utils.parametrizations.spectral_norm,
        nn.utils.spectral_norm,
        nn.utils.parametrizations.weight_norm,
        nn.utils.weight_norm,
    ],
    ids=["spectral", "spectral-hook", "weight", "weight-hook"],
)
@pytest.mark.filterwarnings("ignore")
def test_normalised_weights_are_followed(wrap: Callable[[nn.Module], nn.Module]) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(
        wrap(nn.Conv2d(3, 16, 3)),
        nn.ReLU(),
        wrap(nn.ConvTranspose2d(16, 24, 3)),
        nn.Conv2d(24, 3, 1),
    )
    supernet = Supernet(module, torch.randn(IMAGE))
    assert supernet.space.choices == ((8, 16), (8, 16, 24))
    subnet = supernet.space.smallest
    small = supernet.extract(subnet)
    x = torch.randn(IMAGE)
    for training in (True, False, True):
        supernet.train(training)
        small.train(training)
        torch.testing.assert_close(small(x), supernet(x, subnet=subnet))
