"""StyleGAN2's convolutions: a weight under the styles of each sample, however it is written."""

from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancompress.generators.stylegan2 import StyleGAN2Generator
from gancompress.reconstruction import LayerFit, reconstruct
from gancompress.reconstruction.layer import Modulation
from gancompress.reconstruction.modulated import Part, solve_modulated
from gancompress.supernet import Supernet
from tests.unit.reconstruction.test_reconstruct import distance
from tests.zoo.modulated import GroupedModulatedConv, ScaledModulatedConv, StyleGenerator


class GroupedUp(nn.Module):
    """To twice the size, with one transposed convolution of a group for each sample."""

    def __init__(self, in_channels: int, out_channels: int, style: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, out_channels, in_channels, 3, 3))
        self.affine = nn.Linear(style, in_channels)
        nn.init.ones_(self.affine.bias)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        n, inputs, height, width = x.shape
        weight = 0.1 * self.weight * self.affine(w).view(n, 1, inputs, 1, 1)
        weight = weight * torch.rsqrt(weight.pow(2).sum([2, 3, 4]) + 1e-8).view(n, -1, 1, 1, 1)
        weight = weight.transpose(1, 2).reshape(n * inputs, -1, 3, 3)
        x = F.conv_transpose2d(x.view(1, -1, height, width), weight, stride=2, groups=n)
        return x.view(n, -1, x.shape[2], x.shape[3])


class GroupedToImage(nn.Module):
    """Without demodulation."""

    def __init__(self, in_channels: int, out_channels: int, style: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 1, 1) / 4)
        self.affine = nn.Linear(style, in_channels)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        n = len(x)
        weight = self.weight[None] * self.affine(w)[:, None, :, None, None]
        x = F.conv2d(x.view(1, -1, *x.shape[2:]), weight.view(-1, *weight.shape[2:]), groups=n)
        return x.view(n, -1, *x.shape[2:])


class Net(nn.Module):
    """Two modulated layers between a constant and the image."""

    def __init__(self, layer: type[nn.Module]) -> None:
        super().__init__()
        self.constant = nn.Parameter(torch.randn(1, 24, 4, 4))
        self.mapping = nn.Linear(6, 8)
        self.a, self.b = layer(24, 24, 8), layer(24, 24, 8)
        self.out = nn.Conv2d(24, 3, 1)

    def forward(self, z: Tensor) -> Tensor:
        w = F.leaky_relu(self.mapping(z), 0.2)
        x = F.leaky_relu(self.a(self.constant.repeat(len(z), 1, 1, 1), w), 0.2)
        return self.out(F.leaky_relu(self.b(x, w), 0.2))  # type: ignore[no-any-return]


FORMS = (GroupedModulatedConv, ScaledModulatedConv, GroupedUp, GroupedToImage)


def latents(size: int) -> list[dict[str, Tensor]]:
    return [{"z": part} for part in torch.randn(96, size).split(32)]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_solved_for(form: type[nn.Module]) -> None:
    torch.manual_seed(0)
    net, batches, unseen = Net(form).eval(), latents(6), torch.randn(32, 6)
    supernet = Supernet(net, batches[0], divisor=4)
    subnet, fits = supernet.space.uniform(0.5), list[LayerFit]()
    solved = reconstruct(supernet, subnet, batches, report=fits.append).eval()
    weights = [fit for fit in fits if fit.name in ("a.weight", "b.weight")]
    assert [fit.changed for fit in weights] == [True, True]
    cut = distance(supernet.extract(subnet).eval(), net, unseen)
    assert distance(solved, net, unseen) < 0.8 * cut
    full = reconstruct(supernet, supernet.space.largest, batches).eval()
    scale = float(net(unseen).detach().abs().max())
    assert distance(full, net, unseen) <= 1e-5 * scale


NETWORKS = {
    "ours": lambda: StyleGAN2Generator(
        z_dim=16, classes=0, w_dim=16, resolution=8, widths=(32, 32)
    ),
    "both forms": lambda: StyleGenerator(32, 16),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_small_stylegan2_comes_nearer(name: str) -> None:
    torch.manual_seed(0)
    net, size = NETWORKS[name]().eval(), 16 if name == "ours" else 64
    batches, unseen = latents(size), torch.randn(32, size)
    supernet = Supernet(net, batches[0], divisor=4)
    subnet = supernet.space.uniform(0.75)
    solved = reconstruct(supernet, subnet, batches).eval()
    cut = distance(supernet.extract(subnet).eval(), net, unseen)
    assert distance(solved, net, unseen) < 0.7 * cut


def part(style: Tensor, columns: Tensor, weight: Tensor) -> Part:
    """Targets that ``weight`` (1, rows, outputs) gives after the demodulation."""
    modulation = Modulation(style, 1.0)
    each = columns.shape[2] // len(style)
    factors = modulation.factors(weight).mT.repeat_interleave(each, 1)
    held = torch.arange(columns.shape[2]) % 4 == 3
    return Part(partial(torch.clone, columns), weight.mT @ columns * factors, held, modulation)


def test_one_style_for_all_is_plain_least_squares() -> None:
    torch.manual_seed(0)
    columns, weight = torch.randn(1, 6 * 4, 400).double(), torch.randn(1, 24, 3).double()
    given = part(torch.rand(6).add(0.5).expand(8, 6).double(), columns, weight)
    solved = solve_modulated([given], torch.randn(1, 24, 3).double())
    assert given.modulation is not None
    found = solved.matrix[0] * given.modulation.factors(solved.matrix)[0]
    reference = np.linalg.lstsq(columns[0].mT.numpy(), given.targets[0].mT.numpy(), rcond=None)[0]
    np.testing.assert_allclose(found.numpy(), reference, atol=2e-3)
    assert solved.after < 1e-4 < solved.before


def test_with_styles_the_weight_of_least_squares_under_its_own_demodulation_is_found() -> None:
    torch.manual_seed(0)
    columns, weight = torch.randn(1, 6 * 4, 800).double(), torch.randn(1, 24, 3).double()
    given = part(torch.randn(16, 6).double(), columns, weight)
    solved = solve_modulated([given], weight + 0.3 * torch.randn(1, 24, 3).double())
    # The targets as they are before the demodulation.
    before = given.targets[0] / given.factors(weight)
    reference = np.linalg.lstsq(columns[0].mT.numpy(), before.mT.numpy(), rcond=None)[0]
    found = solved.matrix[0] / solved.matrix[0].norm(dim=0)
    np.testing.assert_allclose(
        found.numpy(), reference / np.linalg.norm(reference, axis=0), atol=2e-2
    )
    assert solved.after < 1e-3
