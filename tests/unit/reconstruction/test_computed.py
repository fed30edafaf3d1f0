"""Weights under spectral and weight norm, however a module computes them."""

import warnings
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from gancompress.generators.spectral import SpectralConv2d
from gancompress.reconstruction import LayerFit, gather, reconstruct
from gancompress.supernet import Supernet
from tests.unit.reconstruction.test_reconstruct import distance, images


def old_weight_norm(layer: nn.Module) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return nn.utils.weight_norm(layer)


NORMS: dict[str, Callable[[int, int], nn.Module]] = {
    "spectral": lambda i, o: parametrizations.spectral_norm(nn.Conv2d(i, o, 3, padding=1)),
    "spectral, hook": lambda i, o: nn.utils.spectral_norm(nn.Conv2d(i, o, 3, padding=1)),
    "spectral, own": lambda i, o: SpectralConv2d(i, o, 3, padding=1),
    "spectral, transposed": lambda i, o: parametrizations.spectral_norm(
        nn.ConvTranspose2d(i, o, 3, padding=1)
    ),
    "weight": lambda i, o: parametrizations.weight_norm(nn.Conv2d(i, o, 3, padding=1)),
    "weight, hook": lambda i, o: old_weight_norm(nn.Conv2d(i, o, 3, padding=1)),
    "weight, one length": lambda i, o: parametrizations.weight_norm(
        nn.Conv2d(i, o, 3, padding=1), dim=None
    ),
}


class Net(nn.Module):
    def __init__(self, layer: Callable[[int, int], nn.Module]) -> None:
        super().__init__()
        self.layers = nn.Sequential(layer(3, 24), nn.ReLU(), layer(24, 24), nn.ReLU(), layer(24, 3))

    def forward(self, image: Tensor) -> Tensor:
        return self.layers(image)  # type: ignore[no-any-return]


def net_of(name: str) -> nn.Module:
    torch.manual_seed(0)
    net = Net(NORMS[name])
    net(images(2))
    return net.eval()


@pytest.mark.parametrize("name", NORMS)
def test_solved_weights_are_put_under_the_norm(name: str) -> None:
    net, given = net_of(name), images(16)
    supernet = Supernet(net, {"image": given[:1]})
    batches = [{"image": part} for part in given[:12].split(4)]
    subnet, unseen = supernet.space.uniform(0.5), given[12:]
    told: list[LayerFit] = []
    solved = reconstruct(supernet, subnet, batches, report=told.append).eval()
    assert not [fit for fit in told if fit.reason]
    cut = distance(supernet.extract(subnet).eval(), net, unseen)
    assert distance(solved, net, unseen) < 0.8 * cut
    assert distance(gather(supernet, batches).module(subnet).eval(), net, unseen) < 0.9 * cut
    full = reconstruct(supernet, supernet.space.largest, batches).eval()
    assert distance(full, net, unseen) < 1e-5


def test_a_weight_that_cannot_be_set_stays_as_cut() -> None:
    class Masked(nn.Conv2d):
        def __init__(self, inputs: int, outputs: int) -> None:
            super().__init__(inputs, outputs, 3, padding=1)
            self.register_buffer("mask", torch.tensor([1.0, 0.0, 1.0]))

        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.conv2d(x, self.weight * self.mask, self.bias, padding=1)

    torch.manual_seed(0)
    net, given = Net(Masked).eval(), images(12)
    supernet = Supernet(net, {"image": given[:1]})
    subnet = supernet.space.uniform(0.5)
    solved = reconstruct(supernet, subnet, [{"image": given}]).eval()
    cut = supernet.extract(subnet)
    assert torch.equal(solved.get_buffer("layers.0.mask"), cut.get_buffer("layers.0.mask"))
    assert distance(solved, net, given) <= distance(cut.eval(), net, given)
