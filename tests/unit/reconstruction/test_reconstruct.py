"""What `reconstruct` promises of whole networks."""

import pytest
import torch
from torch import Tensor, nn

from gancompress.errors import DataError
from gancompress.reconstruction import LayerFit, gather, reconstruct
from gancompress.supernet import Supernet


class Residual(nn.Module):
    """A trunk with two branches added to it, one of them scaled, and a norm in the other."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, padding=1)
        self.a = nn.Sequential(nn.Conv2d(width, 2 * width, 3, padding=1), nn.ReLU())
        self.b = nn.Conv2d(2 * width, width, 3, padding=1)
        self.c = nn.Conv2d(width, width, 3, padding=1, padding_mode="reflect")
        self.norm = nn.InstanceNorm2d(width, affine=True)
        self.up = nn.ConvTranspose2d(width, width, 4, 2, 1)
        self.bn = nn.BatchNorm2d(width)
        self.out = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        h = torch.relu(self.stem(image))
        h = h + self.b(self.a(h)) * 0.5
        h = h + self.norm(self.c(h))
        return self.out(torch.relu(self.bn(self.up(h))))


def images(count: int = 12) -> Tensor:
    """Smooth pictures, whose channels say much of each other."""
    small = torch.randn(count, 3, 4, 4, generator=torch.manual_seed(3))
    return nn.functional.interpolate(small, size=12, mode="bilinear")


def teacher(module: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    for child in module.modules():
        if isinstance(child, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            child.reset_parameters()
    return module.eval()


def distance(a: nn.Module, b: nn.Module, given: Tensor) -> float:
    with torch.no_grad():
        return float((a(given) - b(given)).square().mean().sqrt())


def residual() -> tuple[Supernet, list[dict[str, Tensor]]]:
    net = teacher(Residual())
    given = images()
    supernet = Supernet(net, {"image": given[:1]})
    return supernet, [{"image": part} for part in given.split(4)]


def test_full_width_is_the_teacher() -> None:
    supernet, batches = residual()
    made = reconstruct(supernet, supernet.space.largest, batches).eval()
    given = batches[0]["image"]
    scale = float(supernet.module(given).detach().abs().max())
    assert distance(made, supernet.module, given) <= 1e-5 * scale


def test_reconstructed_is_nearer_than_cut() -> None:
    supernet, batches = residual()
    subnet = supernet.space.uniform(0.5)
    unseen = images(16)[12:]
    cut = distance(supernet.extract(subnet).eval(), supernet.module, unseen)
    made = distance(reconstruct(supernet, subnet, batches).eval(), supernet.module, unseen)
    assert made < 0.75 * cut


def test_no_layer_is_worse_than_cut() -> None:
    supernet, batches = residual()
    fits: list[LayerFit] = []
    reconstruct(supernet, supernet.space.uniform(0.25), batches, report=fits.append)
    assert {fit.kind for fit in fits} == {"convolution", "transposed convolution", "norm"}
    assert all(fit.after <= fit.before for fit in fits)
    assert sum(fit.after < 0.7 * fit.before for fit in fits) >= 4


def test_teacher_is_not_changed() -> None:
    supernet, batches = residual()
    before = {name: t.clone() for name, t in supernet.module.state_dict().items()}
    reconstruct(supernet, supernet.space.smallest, batches)
    assert all(torch.equal(t, before[n]) for n, t in supernet.module.state_dict().items())


def test_the_same_call_gives_the_same_weights() -> None:
    supernet, batches = residual()
    subnet = supernet.space.uniform(0.5)
    a, b = (reconstruct(supernet, subnet, batches, seed=1).state_dict() for _ in range(2))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_linear_network_of_low_rank_is_recovered() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 32), nn.Linear(32, 32), nn.Linear(32, 5)).double()
    given = torch.randn(200, 6, dtype=torch.double)
    supernet = Supernet(net, given[:2], divisor=2)
    subnet = supernet.space.check((8, 8))

    class Named(nn.Module):
        def __init__(self, net: nn.Module) -> None:
            super().__init__()
            self.net = net

        def forward(self, x: Tensor) -> Tensor:
            return self.net(x)  # type: ignore[no-any-return]

    supernet = Supernet(Named(net), {"x": given[:2]}, divisor=2)
    made = reconstruct(supernet, subnet, [{"x": given}])
    torch.testing.assert_close(made(given), net(given), rtol=1e-4, atol=1e-5)


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 16, 3, padding=1)
        self.again = nn.Conv2d(16, 16, 3, padding=1)
        self.last = nn.Conv2d(16, 3, 1)

    def forward(self, image: Tensor) -> Tensor:
        h = torch.tanh(self.first(image))
        return self.last(torch.tanh(self.again(torch.tanh(self.again(h)))))


def test_layer_used_twice_is_solved_for_both_uses() -> None:
    net, given = teacher(Twice()), images()
    supernet = Supernet(net, {"image": given[:1]})
    subnet = supernet.space.uniform(0.5)
    fits: list[LayerFit] = []
    made = reconstruct(supernet, subnet, [{"image": given}], report=fits.append).eval()
    assert [fit.name for fit in fits].count("again.weight") == 2
    assert distance(made, net, given) < 0.75 * distance(supernet.extract(subnet).eval(), net, given)


def test_parameters_that_are_no_layers_are_named() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.out = nn.Conv2d(3, 16, 1), nn.Conv2d(16, 3, 1)
            self.size = nn.Parameter(torch.ones(16, 1, 1))

        def forward(self, image: Tensor) -> Tensor:
            return self.out(self.conv(image) * self.size)  # type: ignore[no-any-return]

    given = images(4)
    fits: list[LayerFit] = []
    supernet = Supernet(Scaled(), {"image": given[:1]})
    subnet = supernet.space.uniform(0.5)
    reconstruct(supernet, subnet, [{"image": given}], report=fits.append)
    assert [fit.name for fit in fits if fit.reason] == ["size"]


def test_weights_that_are_scaled_when_used_are_solved_for() -> None:
    class Equalised(nn.Module):
        def __init__(self, inputs: int, outputs: int) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(outputs, inputs))
            self.bias = nn.Parameter(torch.zeros(outputs))

        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.linear(x, self.weight * 0.25, self.bias * 0.5)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = Equalised(6, 32), Equalised(32, 32), Equalised(32, 4)

        def forward(self, z: Tensor) -> Tensor:
            return self.c(torch.relu(self.b(torch.relu(self.a(z)))))  # type: ignore[no-any-return]

    torch.manual_seed(0)
    net, given = Net(), torch.randn(400, 6)
    supernet = Supernet(net, {"z": given[:2]})
    subnet = supernet.space.uniform(0.5)
    made = reconstruct(supernet, subnet, [{"z": given}])
    assert distance(made, net, given) < 0.5 * distance(supernet.extract(subnet), net, given)


def test_without_batches_it_is_refused() -> None:
    supernet, _ = residual()
    with pytest.raises(DataError, match="no batches"):
        reconstruct(supernet, supernet.space.smallest, [])


def test_a_failing_module_leaves_no_threads() -> None:
    import threading

    supernet, _ = residual()
    before = threading.active_count()
    with pytest.raises(RuntimeError):
        wrong = [{"image": images(4)}, {"image": torch.zeros(4, 5, 12, 12)}]
        reconstruct(supernet, supernet.space.smallest, wrong)
    assert threading.active_count() == before


class Transposed(nn.Module):
    """Transposed convolutions without bias, whose equations fall apart by phases."""

    def __init__(self) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(6, 32, 4, 1, 0, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.ConvTranspose2d(32, 16, 4, 2, 1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.ConvTranspose2d(16, 3, 4, 2, 1, bias=False),
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.main(z[:, :, None, None])  # type: ignore[no-any-return]


def test_transposed_convolutions_without_bias_are_solved_phase_by_phase() -> None:
    torch.manual_seed(0)
    net, z = Transposed().eval(), torch.randn(256, 6)
    supernet = Supernet(net, {"z": z[:2]})
    subnet = supernet.space.uniform(0.5)
    batches = [{"z": part} for part in z.split(64)]
    full = reconstruct(supernet, supernet.space.largest, batches).eval()
    assert distance(full, net, z) <= 1e-5
    cut = distance(supernet.extract(subnet).eval(), net, z)
    assert distance(reconstruct(supernet, subnet, batches).eval(), net, z) < 0.75 * cut
    assert distance(gather(supernet, batches).module(subnet).eval(), net, z) < 0.9 * cut
