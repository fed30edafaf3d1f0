import copy
import io
from contextlib import redirect_stdout

import pytest
import thop
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from gancompress.errors import MetricError
from gancompress.metrics.macs import count_macs


class _Net(nn.Module):
    """One of each layer that conventions differ in."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, padding=1)
        self.norm = nn.InstanceNorm2d(6)
        self.depthwise = nn.Conv2d(6, 6, 3, padding=1, groups=6)
        self.up = nn.ConvTranspose2d(6, 4, 4, stride=2, padding=1)
        self.linear = nn.Linear(4, 5)

    def forward(self, image: Tensor) -> Tensor:
        h = self.depthwise(self.norm(self.conv(image)))
        return self.linear(self.up(h).mean(dim=(2, 3)))


CONV = 6 * 3 * 9 * 64
DEPTHWISE = 6 * 9 * 64
UP = 6 * 4 * 16 * 64
LINEAR = 4 * 5
IMAGE = {"image": torch.randn(1, 3, 8, 8)}


def test_exact_counts_what_is_executed() -> None:
    macs = count_macs(_Net(), IMAGE)
    assert macs.exact == CONV + DEPTHWISE + UP + LINEAR
    assert macs.depthwise == DEPTHWISE


def test_exact_is_half_of_what_pytorch_counts() -> None:
    module, counter = _Net(), FlopCounterMode(display=False)
    with counter:
        module(**IMAGE)
    assert count_macs(module, IMAGE).exact == counter.get_total_flops() // 2


def test_paper_counts_transposed_convolutions_at_outputs_and_instance_norm_elements() -> None:
    macs = count_macs(_Net(), IMAGE)
    assert macs.instance_norm == 6 * 64
    assert macs.paper == CONV + DEPTHWISE + 4 * UP + LINEAR + 6 * 64


def test_thop_is_thops_own_number() -> None:
    module = _Net()
    with redirect_stdout(io.StringIO()):
        expected, _ = thop.profile(copy.deepcopy(module), (IMAGE["image"],), verbose=False)
    assert count_macs(module, IMAGE).thop == expected


def test_counts_are_of_the_whole_batch() -> None:
    one, three = (count_macs(_Net(), {"image": torch.randn(n, 3, 8, 8)}) for n in (1, 3))
    assert (three.exact, three.paper) == (3 * one.exact, 3 * one.paper)


def test_grouped_transposed_convolution_counts_each_pair_once() -> None:
    module = nn.ConvTranspose2d(4, 8, 2, stride=2, groups=2)
    macs = count_macs(module, {"input": torch.randn(1, 4, 5, 5)})
    assert macs.exact == 4 * (8 // 2) * 4 * 25
    assert macs.paper == 4 * (8 // 2) * 4 * 100


def test_counting_leaves_the_module_as_it_was() -> None:
    module = _Net().train()
    tensors = {name: value.clone() for name, value in module.state_dict().items()}
    count_macs(module, IMAGE)
    assert module.training
    assert all(torch.equal(value, tensors[name]) for name, value in module.state_dict().items())
    assert set(module.state_dict()) == set(tensors)
    assert not any(m._forward_hooks for m in module.modules())
    assert all(p.requires_grad for p in module.parameters())


def test_a_module_without_data_can_be_counted() -> None:
    with torch.device("meta"):
        module = _Net()
        image = torch.empty(1, 3, 8, 8)
    assert count_macs(module, {"image": image}) == count_macs(_Net(), IMAGE)


class _LooksAtValues(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


def test_a_module_that_looks_at_values_is_refused() -> None:
    with pytest.raises(MetricError, match="_LooksAtValues: cannot be counted without data"):
        count_macs(_LooksAtValues(), {"x": torch.ones(1, 2)})
