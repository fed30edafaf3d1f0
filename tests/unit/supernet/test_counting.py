"""Multiply-adds of what is not simply a layer of a batch."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from gancompress.supernet import Supernet


class Blurred(nn.Module):
    """A blur of every channel alone, channels folded into the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 64, 1), nn.Conv2d(64, 3, 1)
        self.register_buffer("kernel", torch.ones(1, 1, 4, 4) / 16)

    def forward(self, x: Tensor) -> Tensor:
        h = self.a(x)
        n, c, height, width = h.shape
        padded = F.pad(h, (1, 2, 1, 2)).reshape(n * c, 1, height + 3, width + 3)
        out: Tensor = self.b(F.conv2d(padded, self.kernel).view(n, -1, height, width))
        return out


def test_channels_folded_into_the_batch_are_counted_once() -> None:
    supernet = Supernet(Blurred(), torch.randn(2, 3, 16, 16))
    for subnet in (supernet.space.smallest, supernet.space.largest):
        small = supernet.extract(subnet).requires_grad_(False)
        with FlopCounterMode(display=False) as counter:
            small(torch.randn(1, 3, 16, 16))
        assert supernet.cost_model.cost(subnet).macs == counter.get_total_flops() // 2


class Recurrent(nn.Module):
    def __init__(self, layer: nn.RNNBase, answer: int) -> None:
        super().__init__()
        self.i, self.r, self.o = nn.Linear(16, 32), layer, nn.Linear(answer, 8)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.o(self.r(self.i(x))[0])
        return out


STEPS = 7
ENDS = 16 * 32 + 64 * 8

# Layer, channels of its answer, multiply-adds of one step.
RECURRENT: dict[str, tuple[Callable[[], nn.RNNBase], int, int]] = {
    "lstm": (lambda: nn.LSTM(32, 64, batch_first=True), 64, ENDS + 4 * 64 * (32 + 64)),
    "gru": (lambda: nn.GRU(32, 64, batch_first=True), 64, ENDS + 3 * 64 * (32 + 64)),
    "rnn": (lambda: nn.RNN(32, 64, batch_first=True), 64, ENDS + 64 * (32 + 64)),
    "no_bias": (lambda: nn.LSTM(32, 64, bias=False, batch_first=True), 64, ENDS + 256 * 96),
    "layers": (
        lambda: nn.GRU(32, 64, num_layers=2, batch_first=True),
        64,
        ENDS + 192 * (32 + 64) + 192 * (64 + 64),
    ),
    "both_ways": (
        lambda: nn.LSTM(32, 64, bidirectional=True, num_layers=2, batch_first=True),
        128,
        16 * 32 + 128 * 8 + 2 * 256 * (32 + 64) + 2 * 256 * (128 + 64),
    ),
    "projected": (
        lambda: nn.LSTM(32, 64, proj_size=32, batch_first=True),
        32,
        16 * 32 + 32 * 8 + 256 * (32 + 32) + 32 * 64,
    ),
}


@pytest.mark.parametrize("name", RECURRENT)
def test_recurrent_layers_are_elastic_and_counted(name: str) -> None:
    make, answer, macs = RECURRENT[name]
    torch.manual_seed(0)
    x = torch.randn(2, STEPS, 16)
    supernet = Supernet(Recurrent(make(), answer), x)
    assert {"i", "r"} <= {g.name for g in supernet.groups if g.pinned is None}
    assert supernet.cost_model.cost(supernet.space.largest).macs == STEPS * macs
    small = supernet.extract(supernet.space.smallest)
    assert small.r.input_size == 8 and small.r.hidden_size <= 16
    torch.testing.assert_close(small(x), supernet(x, subnet=supernet.space.smallest))
    supernet(x, subnet=supernet.space.smallest).sum().backward()
    assert supernet.module.r.weight_hh_l0.grad.abs().sum() > 0


class Stepwise(nn.Module):
    def __init__(self, cell: nn.RNNCellBase) -> None:
        super().__init__()
        self.i, self.r, self.o = nn.Linear(16, 32), cell, nn.Linear(64, 8)

    def forward(self, x: Tensor) -> Tensor:
        state = None
        for _ in range(2):
            state = self.r(self.i(x), state)
        out: Tensor = self.o(state[0] if isinstance(state, tuple) else state)
        return out


@pytest.mark.parametrize("kind", [nn.LSTMCell, nn.GRUCell, nn.RNNCell])
def test_recurrent_cells_are_elastic(kind: type[nn.RNNCellBase]) -> None:
    supernet = Supernet(Stepwise(kind(32, 64)), torch.randn(2, 16))
    assert {"i", "r"} <= {g.name for g in supernet.groups if g.pinned is None}
    assert supernet.extract(supernet.space.smallest).r.hidden_size == 8


class Crossed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.i, self.cross, self.o = nn.Linear(16, 32), nn.Bilinear(32, 32, 64), nn.Linear(64, 8)

    def forward(self, x: Tensor) -> Tensor:
        h = self.i(x)
        out: Tensor = self.o(self.cross(h, h.relu()))
        return out


def test_bilinear_layers_are_counted() -> None:
    supernet = Supernet(Crossed(), torch.randn(2, 16))
    full = supernet.cost_model.cost(supernet.space.largest).macs
    assert full == 16 * 32 + 32 * 32 * 64 + 64 * 8
    assert supernet.extract(supernet.space.smallest).cross.in2_features == 8


class Inference(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 32, 1), nn.Conv2d(32, 3, 1)

    @torch.inference_mode()
    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.b(self.a(x).relu())
        return out


def test_a_forward_pass_in_inference_mode_is_followed_and_counted() -> None:
    supernet = Supernet(Inference(), torch.randn(2, 3, 8, 8))
    assert supernet.space.groups == ("a",)
    assert supernet.cost_model.cost(supernet.space.largest).macs == 64 * 2 * 3 * 32


class Scaled(Inference):
    def forward(self, x: Tensor, time: Tensor, noise: Tensor) -> Tensor:
        out: Tensor = self.b(self.a(x).relu()) * time + noise
        return out


def test_scalars_and_shared_rows_do_not_hide_the_samples() -> None:
    example = (torch.randn(4, 3, 8, 8), torch.tensor(0.5), torch.randn(1, 1, 8, 8))
    supernet = Supernet(Scaled(), example)
    assert supernet.cost_model.cost(supernet.space.largest).macs == 64 * 2 * 3 * 32


def test_an_input_without_samples_is_counted_as_a_whole_and_said_so() -> None:
    net = nn.Sequential(nn.Conv2d(3, 32, 1), nn.Conv2d(32, 3, 1))
    supernet = Supernet(net, torch.randn(3, 8, 8))
    assert supernet.cost_model.cost(supernet.space.largest).macs == 64 * 2 * 3 * 32
    assert "costs are those of the example inputs as a whole" in supernet.describe()


class TokensFirst(nn.Module):
    """Attention over the first dimension."""

    def __init__(self) -> None:
        super().__init__()
        self.i, self.o = nn.Linear(16, 32), nn.Linear(32, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.i(x).transpose(0, 1)
        out: Tensor = self.o(((h @ h.transpose(1, 2)).softmax(-1) @ h).transpose(0, 1))
        return out


def test_tokens_in_the_first_dimension_are_not_taken_for_samples() -> None:
    supernet = Supernet(TokensFirst(), torch.randn(7, 1, 16))
    assert supernet.cost_model.cost(supernet.space.largest).macs == 7 * 32 * (16 + 3 + 2 * 7)


class Solved(nn.Module):
    """An operator without a rule that works with a parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.basis = nn.Linear(8, 32), nn.Linear(32, 3), nn.Parameter(torch.eye(8))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.b(self.a(x @ torch.linalg.matrix_exp(self.basis)))
        return out


def test_an_operator_that_nobody_counts_makes_the_figure_a_lower_bound() -> None:
    text = Supernet(Solved(), torch.randn(2, 8)).describe()
    assert "MACs (at least)" in text and "linalg_matrix_exp" in text


@pytest.mark.parametrize(
    "change",
    [
        lambda h: h * torch.linspace(0, 1, h.shape[-1]).unsqueeze_(0),
        lambda h: h.clone().unsqueeze_(1).squeeze_(1),
        lambda h: h.clone().transpose_(1, 2).relu_().transpose_(1, 2),
        lambda h: h + h.mean((2, 3)).t_().t_().unsqueeze(-1).unsqueeze(-1),
    ],
)
def test_operators_that_change_a_shape_in_place_are_followed(
    change: Callable[[Tensor], Tensor],
) -> None:
    class Between(Inference):
        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.b(change(self.a(x)))
            return out

    assert Supernet(Between(), torch.randn(2, 3, 8, 8)).space.groups == ("a",)
