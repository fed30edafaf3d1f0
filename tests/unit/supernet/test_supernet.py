"""What running a subnet does and does not do."""

import copy

import pytest
import torch
from torch import Tensor, nn

from gancompress.errors import SubnetError, TraceError
from gancompress.supernet import Supernet


class Generator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(10, 16 * 16)
        self.up = nn.Upsample(scale_factor=2)
        self.conv = nn.Conv2d(16, 32, 3, padding=1)
        self.norm = nn.BatchNorm2d(32)
        self.drop = nn.Dropout(0.5)
        self.out = nn.Conv2d(32, 3, 3, padding=1)

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        h = self.fc(torch.cat([z, label], 1)).view(z.shape[0], -1, 4, 4)
        h = self.drop(self.norm(self.conv(self.up(h))).relu())
        return torch.tanh(self.out(h))


@pytest.fixture
def batch() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return {"z": torch.randn(4, 6), "label": torch.randn(4, 4)}


@pytest.fixture
def supernet(batch: dict[str, Tensor]) -> Supernet:
    return Supernet(Generator(), batch).eval()


def test_full_width_is_the_module_bit_for_bit(supernet: Supernet, batch: dict[str, Tensor]) -> None:
    expected = supernet.module(**batch)
    assert torch.equal(supernet(**batch), expected)
    assert torch.equal(supernet(**batch, subnet=supernet.space.largest), expected)


def test_positional_and_keyword_inputs_are_the_same(batch: dict[str, Tensor]) -> None:
    module = Generator().eval()
    by_name, by_place = Supernet(module, batch), Supernet(module, tuple(batch.values()))
    assert by_name.space == by_place.space
    subnet = by_name.space.smallest
    assert torch.equal(by_name(**batch, subnet=subnet), by_place(*batch.values(), subnet=subnet))


def test_converting_leaves_the_module_as_it_was(batch: dict[str, Tensor]) -> None:
    module = Generator().train()
    module.out.eval()
    before = copy.deepcopy(module.state_dict())
    attributes = {name: dict(m.__dict__) for name, m in module.named_modules()}
    random_state = torch.get_rng_state()
    Supernet(module, batch)
    torch.testing.assert_close(dict(module.state_dict()), dict(before), rtol=0, atol=0)
    assert torch.equal(torch.get_rng_state(), random_state)
    assert [m.training for m in (module, module.norm, module.out)] == [True, True, False]
    for name, m in module.named_modules():
        assert m.__dict__.keys() == attributes[name].keys()
        assert len(m._forward_hooks) == len(m._forward_pre_hooks) == 0


def test_running_a_subnet_leaves_attributes_as_they_were(
    supernet: Supernet, batch: dict[str, Tensor]
) -> None:
    supernet(**batch, subnet=supernet.space.smallest)
    assert supernet.module.conv.in_channels == 16
    with pytest.raises(RuntimeError):
        supernet(z=batch["z"], label=batch["z"], subnet=supernet.space.smallest)
    assert supernet.module.norm.num_features == 32


def test_a_subnet_learns_only_its_leading_channels(
    supernet: Supernet, batch: dict[str, Tensor]
) -> None:
    supernet.train()
    supernet(**batch, subnet=(8, 24)).square().sum().backward()
    gradient = supernet.module.conv.weight.grad
    assert gradient is not None and gradient.shape == (32, 16, 3, 3)
    assert gradient[:24, :8].abs().sum() > 0
    assert gradient[24:].abs().sum() == 0 and gradient[:, 8:].abs().sum() == 0


def test_gradients_are_those_of_the_extracted_module(
    supernet: Supernet, batch: dict[str, Tensor]
) -> None:
    subnet = (8, 24)
    small = supernet.extract(subnet)
    small(**batch).square().sum().backward()
    supernet(**batch, subnet=subnet).square().sum().backward()
    torch.testing.assert_close(supernet.module.conv.weight.grad[:24, :8], small.conv.weight.grad)


def test_running_statistics_of_the_leading_channels_are_updated(
    supernet: Supernet, batch: dict[str, Tensor]
) -> None:
    supernet.train()
    before = supernet.module.norm.running_mean.clone()
    supernet(**batch, subnet=(8, 24))
    changed = supernet.module.norm.running_mean != before
    assert changed[:24].all() and not changed[24:].any()
    assert supernet.module.norm.num_batches_tracked == 1


def test_running_statistics_that_are_no_leading_slice_are_updated() -> None:
    module = nn.Sequential(nn.Conv2d(3, 32, 1), nn.BatchNorm2d(32), nn.GLU(1), nn.Conv2d(16, 3, 1))
    x = torch.randn(2, 3, 4, 4)
    supernet = Supernet(module, x).train()
    supernet(x, subnet=(8,))
    changed = module[1].running_mean != 0
    assert changed.nonzero().flatten().tolist() == [*range(8), *range(16, 24)]


def test_the_module_shares_its_weights_with_the_supernet(
    supernet: Supernet, batch: dict[str, Tensor]
) -> None:
    before = supernet(**batch, subnet=supernet.space.smallest)
    with torch.no_grad():
        supernet.module.out.bias.add_(1.0)
    assert not torch.equal(supernet(**batch, subnet=supernet.space.smallest), before)
    assert {id(p) for p in supernet.parameters()} == {id(p) for p in supernet.module.parameters()}


def test_a_subnet_runs_under_autocast(supernet: Supernet, batch: dict[str, Tensor]) -> None:
    subnet = supernet.space.smallest
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = supernet(**batch, subnet=subnet)
    assert output.dtype == torch.bfloat16
    torch.testing.assert_close(output.float(), supernet(**batch, subnet=subnet), rtol=0.1, atol=0.1)


def test_a_subnet_runs_without_gradients(supernet: Supernet, batch: dict[str, Tensor]) -> None:
    subnet = supernet.space.smallest
    expected = supernet(**batch, subnet=subnet)
    with torch.no_grad():
        assert torch.equal(supernet(**batch, subnet=subnet), expected)
    with torch.inference_mode():
        assert torch.equal(supernet(**batch, subnet=subnet), expected)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_subnet_runs_on_cuda(batch: dict[str, Tensor]) -> None:
    there = {name: value.cuda() for name, value in batch.items()}
    supernet = Supernet(Generator().cuda(), there).eval()
    subnet = supernet.space.smallest
    small = supernet.extract(subnet)
    torch.testing.assert_close(small(**there), supernet(**there, subnet=subnet))


def test_foreign_subnets_are_refused(supernet: Supernet, batch: dict[str, Tensor]) -> None:
    with pytest.raises(SubnetError, match="group conv: width 25"):
        supernet(**batch, subnet=(8, 25))


def test_inputs_of_another_kind_are_refused() -> None:
    with pytest.raises(TraceError, match="give a tensor, a tuple"):
        Supernet(nn.Linear(3, 3), "noise")


def test_inputs_that_do_not_fit_are_named() -> None:
    with pytest.raises(TraceError, match=r"failed in evaluation mode.*give example_inputs"):
        Supernet(nn.Sequential(nn.Linear(3, 16)), torch.randn(2, 4))


def test_one_example_is_enough() -> None:
    module = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.Linear(16, 3))
    assert Supernet(module, torch.randn(1, 4)).space.choices == ((8, 16),)
