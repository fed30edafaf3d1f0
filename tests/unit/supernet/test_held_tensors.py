"""Whatever holds a module's tensors: two paths, lists, closures, `.data`."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancompress.errors import ParityError
from gancompress.supernet import Supernet
from gancompress.supernet.importance import taylor_scores

IMAGE = (2, 3, 8, 8)


class TwoPaths(nn.Module):
    """Layers registered under two paths."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 32, 3, 1, 1), nn.ReLU(), nn.Conv2d(32, 32, 1))
        self.first, self.rest = self.features[:2], self.features[2:]
        self.out = nn.Conv2d(32, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.out(self.rest(self.first(x)))
        return out


def test_a_narrow_pass_leaves_layers_under_two_paths_as_they_are() -> None:
    module = TwoPaths().eval()
    before = {name: (id(t), t.clone()) for name, t in module.named_parameters()}
    supernet = Supernet(module, torch.randn(IMAGE))
    supernet(torch.randn(IMAGE), subnet=supernet.space.smallest)
    taylor_scores(supernet, [{"x": torch.randn(IMAGE)}], seed=0)
    for name, parameter in module.named_parameters():
        assert id(parameter) == before[name][0] and torch.equal(parameter, before[name][1])
    small = supernet.extract(supernet.space.smallest)
    assert small.first[0] is small.features[0]


class Listed(nn.Module):
    """Parameters that the forward pass finds in a list, a tuple and a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.o = nn.Linear(16, 64), nn.Linear(64, 3)
        self.p, self.q, self.r = (nn.Parameter(torch.randn(64)) for _ in range(3))
        self.held = [self.p, (self.q,), {"r": self.r}]

    def forward(self, x: Tensor) -> Tensor:
        p, (q,), named = self.held
        out: Tensor = self.o((self.a(x) + p) * q + named["r"])
        return out


def test_parameters_in_lists_tuples_and_dictionaries_are_followed() -> None:
    supernet = Supernet(Listed(), torch.randn(2, 16))
    assert supernet.graph.unused == ()
    small = supernet.extract(supernet.space.smallest)
    assert small.held[0] is small.p and small.held[1][0] is small.q
    assert small.held[2]["r"] is small.r and small.r.shape == (8,)
    again = copy.deepcopy(small)
    again.load_state_dict(small.state_dict(), strict=True)
    x = torch.randn(4, 16)
    assert torch.equal(again(x), small(x))


def replaced() -> nn.Module:
    """A forward pass replaced by a function that closes over a layer."""
    net = nn.Sequential(nn.Conv2d(3, 32, 1), nn.ReLU(), nn.Conv2d(32, 3, 1))
    first = net[0]

    def inner(x: Tensor) -> Tensor:
        made: Tensor = first(x)
        return made

    net.forward = lambda x, last=net[2]: last(inner(x).relu())
    return net


def test_a_closure_over_a_layer_is_made_anew_for_the_extracted_module() -> None:
    x = torch.randn(IMAGE)
    supernet = Supernet(replaced(), x)
    small = supernet.extract(supernet.space.smallest)
    before = small(x)
    with torch.no_grad():
        for parameter in supernet.parameters():
            parameter.zero_()
    assert torch.equal(small(x), before)


LAYER = nn.Conv2d(3, 3, 1)


class Global(nn.Module):
    """A layer found through a global variable."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 32, 1), nn.Conv2d(32, 3, 1))
        self.layer = LAYER

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.body(LAYER(x))
        return out


def test_a_module_that_would_read_the_originals_weights_is_refused() -> None:
    supernet = Supernet(Global(), torch.randn(IMAGE))
    with pytest.raises(ParityError, match="reads tensors of the original"):
        supernet.extract(supernet.space.smallest)


class PowerIteration(nn.Module):
    """A spectral norm whose vector is a parameter and is advanced through ``.data``."""

    def __init__(self, in_place: bool) -> None:
        super().__init__()
        self.a, self.b, self.in_place = nn.Linear(8, 32), nn.Linear(32, 3), in_place
        self.u = nn.Parameter(torch.randn(32), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        v = F.normalize(self.a.weight.data.t() @ self.u.data, dim=0)
        u = F.normalize(self.a.weight.data @ v, dim=0)
        if self.in_place:
            self.u.data.copy_(u)
        else:
            self.u.data = u
        out: Tensor = self.b(F.linear(x, self.a.weight / (self.u @ (self.a.weight @ v))))
        return out


@pytest.mark.parametrize("in_place", [True, False])
def test_a_parameter_advanced_through_its_data_is_written_back(in_place: bool) -> None:
    module = PowerIteration(in_place)
    supernet = Supernet(module, torch.randn(2, 8))
    before = module.u.clone()
    supernet(torch.randn(2, 8), subnet=supernet.space.smallest)
    assert module.u.shape == (32,)
    assert (module.u[:8] != before[:8]).all() and torch.equal(module.u[8:], before[8:])
