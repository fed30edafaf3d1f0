"""Operators beyond layers: each leaves what it does not touch elastic, and is counted."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancompress.errors import TraceError
from gancompress.supernet import Supernet
from gancompress.supernet.importance import sort_channels, weight_scores
from tests.zoo.checks import elastic_macs

X = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))


class Between(nn.Module):
    """Two convolutions with something done to the channels in between."""

    def __init__(self, change: Callable[[Tensor], Tensor], made: int = 32) -> None:
        super().__init__()
        self.a, self.b, self.change = nn.Conv2d(3, 32, 1), nn.Conv2d(made, 3, 1), change

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.b(self.change(self.a(x)))
        return out


def spectral(h: Tensor) -> Tensor:
    f = torch.fft.rfft2(h, norm="ortho")
    f = torch.view_as_complex(torch.view_as_real(f * f.abs().sigmoid()).contiguous())
    return torch.fft.irfft2(f, s=h.shape[-2:], norm="ortho")


def folded(h: Tensor) -> Tensor:
    columns = F.unfold(h, 3, padding=1)
    return F.fold(columns.relu(), h.shape[-2:], 3, padding=1)


def gathered(h: Tensor) -> Tensor:
    flat = h.flatten(2).transpose(1, 2)
    index = torch.arange(63, -1, -1).view(1, 64, 1).expand(h.shape[0], -1, flat.shape[2])
    return torch.gather(flat, 1, index).transpose(1, 2).view_as(h)


def taken(h: Tensor) -> Tensor:
    flat = h.flatten(2)
    return torch.take_along_dim(flat, flat.mean(1, keepdim=True).argsort(-1), 2).view_as(h)


def kept_largest(h: Tensor) -> Tensor:
    values, index = h.flatten(2).topk(16, dim=2)
    return torch.zeros_like(h.flatten(2)).scatter(2, index, values).view_as(h)


def summed_up(h: Tensor) -> Tensor:
    return h.new_zeros(h.shape[0], h.shape[1], 4, 8).index_add(2, torch.tensor([0, 1] * 4), h)


def sampled(h: Tensor) -> Tensor:
    grid = F.affine_grid(torch.eye(2, 3).expand(h.shape[0], 2, 3), h.shape, align_corners=False)
    return F.grid_sample(h, grid, align_corners=False)


def nearest(h: Tensor) -> Tensor:
    tokens = h.flatten(2).transpose(1, 2)
    return (torch.cdist(tokens, tokens) @ tokens).transpose(1, 2).view_as(h)


def written(h: Tensor) -> Tensor:
    h = h.clone()
    h[:, :, torch.tensor([0, 2])] = h[:, :, 4:6] * 2
    return h


# Name -> (change, channels that the second convolution takes in).
CHANGES: dict[str, tuple[Callable[[Tensor], Tensor], int]] = {
    "roll": (lambda h: h.roll((1, 2), (2, 3)), 32),
    "fourier": (spectral, 32),
    "fold": (folded, 32),
    "gather": (gathered, 32),
    "take_along_dim": (taken, 32),
    "topk_and_scatter": (kept_largest, 32),
    "index_add": (summed_up, 32),
    "index_select": (lambda h: h.index_select(2, torch.tensor([1, 0, 3, 2])), 32),
    "sort": (lambda h: h.sort(dim=3).values, 32),
    "channel_shuffle": (lambda h: F.channel_shuffle(h, 4), 32),
    "pixel_unshuffle": (lambda h: F.pixel_unshuffle(h, 2), 128),
    "grid_sample": (sampled, 32),
    "einsum": (lambda h: torch.einsum("nchw,nkhw->nkhw", h, h.softmax(1)), 32),
    "cumsum": (lambda h: h.cumsum(3), 32),
    "where": (lambda h: torch.where(h > 0, h, h * 0.2), 32),
    "windows": (lambda h: h.unfold(2, 2, 2).mean(-1), 32),
    "cdist": (nearest, 32),
    "circular_padding": (lambda h: F.pad(h, (1, 1, 1, 1), mode="circular"), 32),
    "writing_by_position": (written, 32),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_an_operator_leaves_alone_stays_elastic(name: str) -> None:
    change, made = CHANGES[name]
    supernet = Supernet(Between(change, made).eval(), X)
    assert elastic_macs(supernet) == 1
    for subnet in (supernet.space.smallest, supernet.space.uniform(0.5)):
        torch.testing.assert_close(supernet.extract(subnet)(X), supernet(X, subnet=subnet))


@pytest.mark.parametrize(
    "change",
    [
        lambda h: h.roll(1, 1),
        lambda h: torch.fft.fft(h, dim=1).real,
        lambda h: h.sort(dim=1).values,
        lambda h: h.gather(1, torch.zeros(2, 32, 8, 8, dtype=torch.long)),
        lambda h: h.index_copy(1, torch.tensor([3]), h[:, :1]),
    ],
)
def test_what_goes_by_position_along_channels_is_pinned(change: Callable[[Tensor], Tensor]) -> None:
    assert Supernet(Between(change).eval(), X).space.groups == ()


class Volume(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv3d(1, 32, 3, padding=1), nn.Conv3d(32, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.b(self.a(x.unsqueeze(1)).relu()).squeeze(1)
        return out


def test_convolutions_in_space_are_elastic() -> None:
    supernet = Supernet(Volume(), X)
    macs = supernet.cost_model.cost(supernet.space.largest).macs
    assert supernet.space.groups == ("a",) and macs == 3 * 64 * 32 * (27 + 1)


class Deformed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        ops = pytest.importorskip("torchvision.ops")
        self.a, self.offset = nn.Conv2d(3, 32, 1), nn.Conv2d(32, 18, 3, padding=1)
        self.d, self.b = ops.DeformConv2d(32, 32, 3, padding=1), nn.Conv2d(32, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.a(x)
        out: Tensor = self.b(self.d(h, self.offset(h)))
        return out


def test_deformable_convolutions_are_elastic_and_counted() -> None:
    supernet = Supernet(Deformed(), X)
    macs = supernet.cost_model.cost(supernet.space.largest).macs
    assert supernet.space.groups == ("a", "d")
    assert macs == 64 * (3 * 32 + 9 * 32 * 18 + 9 * 32 * 32 + 32 * 3)
    supernet.extract(supernet.space.smallest)


def test_an_operator_without_a_rule_is_tried_out() -> None:
    assert Supernet(Between(lambda h: h.cummax(2).values), X).space.groups == ("a",)
    assert Supernet(Between(lambda h: h.cummin(1).values), X).space.groups == ("a",)
    turned = Between(lambda h: torch.special.airy_ai(h.flatten(2)).view_as(h))
    assert Supernet(turned, X).space.groups == ("a",)


LIBRARY = torch.library.Library("gancompress_tests", "FRAGMENT")
LIBRARY.define("swap(Tensor x) -> Tensor")
LIBRARY.define("mix(Tensor x, Tensor w) -> Tensor")


def _swap(x: Tensor) -> Tensor:
    return x.flip(1) * 2


def _mix(x: Tensor, w: Tensor) -> Tensor:
    return torch.einsum("nchw,kc->nkhw", x, w)


for key in ("CPU", "Meta"):
    LIBRARY.impl("swap", _swap, key)
    LIBRARY.impl("mix", _mix, key)


class Own(nn.Module):
    """A user's operator with a weight of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 32, 1), nn.Conv2d(16, 3, 1)
        self.w = nn.Parameter(torch.randn(16, 32))

    def forward(self, x: Tensor) -> Tensor:
        h = torch.ops.gancompress_tests.mix(self.a(x), self.w)
        out: Tensor = self.b(h)
        return out


def mixing(walk: Any, op: Any) -> Sequence[Any]:
    samples, channels, *_ = walk.dims(op["x"])
    made, taken = walk.dims(op["w"])
    walk.merge([channels, taken], "takes in a fixed number of channels")
    return [(samples, made, None, None)]


def test_a_user_gives_the_rule_of_an_operator() -> None:
    supernet = Supernet(Own(), X, rules={"gancompress_tests::mix": mixing})
    assert supernet.space.groups == ("a", "w")
    torch.testing.assert_close(
        supernet.extract((8, 8))(X), supernet(X, subnet=(8, 8)), rtol=1e-4, atol=1e-5
    )


def test_a_user_names_an_operator_that_does_the_same() -> None:
    swapped = Between(lambda h: torch.ops.gancompress_tests.swap(h))
    pinned = Supernet(swapped, X)
    assert pinned.space.groups == ()
    assert "swap, an operator that cannot be followed" in pinned.describe()
    named = Supernet(swapped, X, rules={"gancompress_tests::swap": "relu"})
    assert named.space.groups == ("a",)
    with pytest.raises(TraceError, match="'nonsense' is no operator that has a rule"):
        Supernet(swapped, X, rules={"gancompress_tests::swap": "nonsense"})


class Skips(nn.Module):
    """Group norms over a concatenation whose joint is not between groups."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 64, 1), nn.Conv2d(64, 32, 1)
        self.norm, self.c = nn.GroupNorm(32, 96), nn.Conv2d(96, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.a(x)
        out: Tensor = self.c(self.norm(torch.cat([h, self.b(h)], 1)))
        return out


def test_a_group_norm_over_a_concatenation_leaves_all_widths() -> None:
    supernet = Supernet(Skips().eval(), X)
    assert supernet.space.choices == (tuple(range(8, 65, 8)), (8, 16, 24, 32))
    small = supernet.extract((24, 8))
    assert (small.norm.num_groups, small.norm.num_channels) == (32, 32)
    assert supernet.extract((16, 8)).norm.num_groups == 8
    torch.testing.assert_close(small(X), supernet(X, subnet=(24, 8)))


def test_channels_in_such_a_group_norm_keep_their_order() -> None:
    supernet = Supernet(Skips().eval(), X)
    with torch.no_grad():
        before = supernet(X)
        sort_channels(supernet, weight_scores(supernet))
        torch.testing.assert_close(supernet(X), before)
