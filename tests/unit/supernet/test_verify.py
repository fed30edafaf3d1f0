"""What conversion says about networks that cannot be narrowed everywhere."""

import threading
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gancompress.errors import TraceError
from gancompress.supernet import Supernet

IMAGE = (2, 3, 8, 8)


class Exotic(nn.Module):
    """Two convolutions with something done to the 16 channels in between."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 16, 1)
        self.second = nn.Conv2d(16, 32, 1)
        self.last = nn.Conv2d(32, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.last(self.second(self.between(self.first(x))))
        return out

    def between(self, h: Tensor) -> Tensor:
        return h


def reason(supernet: Supernet, name: str) -> str:
    return next(str(g.pinned) for g in supernet.groups if g.name == name)


class Loop(Exotic):
    def between(self, h: Tensor) -> Tensor:
        return torch.cat([h[:, i : i + 1] * i for i in range(h.shape[1])], 1)


def test_a_python_loop_over_channels_is_pinned_with_advice() -> None:
    supernet = Supernet(Loop(), torch.randn(IMAGE))
    assert supernet.space.groups == ("second",)
    assert "for i in range(h.shape[1])" in reason(supernet, "first")
    assert "do the same to all channels at once" in reason(supernet, "first")


class Mixing(nn.Module):
    """A view that runs at half width as well, with half as many samples."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(4, 16), nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.last(self.first(x).view(-1, 16))
        return out


def test_silently_mixed_samples_are_found() -> None:
    supernet = Supernet(Mixing(), torch.randn(4, 4))
    assert supernet.space.groups == ()
    assert "view(-1, 16)" in reason(supernet, "first")


class Transformed(Exotic):
    def between(self, h: Tensor) -> Tensor:
        return torch.fft.fft(h, dim=1).real


def test_a_transform_along_channels_pins_them() -> None:
    supernet = Supernet(Transformed(), torch.randn(IMAGE))
    assert supernet.space.groups == ("second",)
    assert "torch.fft.fft(h, dim=1)" in reason(supernet, "first")
    assert "is Fourier-transformed along its channels" in reason(supernet, "first")


class Branch(Exotic):
    def between(self, h: Tensor) -> Tensor:
        return h / 2 if h.mean().item() > 1e9 else h * 2


def test_a_branch_on_values_is_followed_and_reported() -> None:
    supernet = Supernet(Branch(), torch.randn(IMAGE))
    assert supernet.space.groups == ("first", "second")
    assert "h.mean().item() > 1e9 else h * 2`: reads values of a tensor" in supernet.describe()


class Doubling(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x * 2

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return gradients[0] * 2


class Custom(Exotic):
    def between(self, h: Tensor) -> Tensor:
        out: Tensor = Doubling.apply(h)
        return out


def test_a_custom_autograd_function_is_followed() -> None:
    x = torch.randn(IMAGE)
    supernet = Supernet(Custom(), x)
    assert supernet.space.groups == ("first", "second")
    supernet(x, subnet=supernet.space.smallest).sum().backward()
    assert supernet.module.first.weight.grad.abs().sum() > 0


class Arrays(Exotic):
    def between(self, h: Tensor) -> Tensor:
        return h + torch.from_numpy(h.detach().numpy().mean((2, 3), keepdims=True))


def test_a_detour_through_numpy_is_pinned() -> None:
    supernet = Supernet(Arrays(), torch.randn(IMAGE))
    assert supernet.space.groups == ("second",)
    assert "torch.from_numpy" in reason(supernet, "first")


class Chosen(Exotic):
    def between(self, h: Tensor) -> Tensor:
        return h[:, torch.tensor([1, 0, *range(2, 16)])]


def test_channels_picked_by_position_are_pinned() -> None:
    supernet = Supernet(Chosen(), torch.randn(IMAGE))
    assert supernet.space.groups == ("second",)
    assert "picked from by position" in reason(supernet, "first")


class Fixed(Exotic):
    def between(self, h: Tensor) -> Tensor:
        return h * torch.linspace(0, 1, 16)[:, None, None]


def test_a_constant_of_fixed_size_is_pinned() -> None:
    supernet = Supernet(Fixed(), torch.randn(IMAGE))
    assert supernet.space.groups == ("second",)


class Locked(Exotic):
    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()


def test_a_module_that_cannot_be_copied_says_so() -> None:
    with pytest.raises(TraceError, match=r"Locked: the module cannot be copied .*lock"):
        Supernet(Locked(), torch.randn(IMAGE))


class Switched(Exotic):
    """In training through another convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.other = nn.Conv2d(16, 16, 1)

    def between(self, h: Tensor) -> Tensor:
        return h + self.other(h) if self.training else h


def test_what_only_happens_in_training_counts_too() -> None:
    x = torch.randn(IMAGE)
    supernet = Supernet(Switched(), x)
    assert supernet.extract(supernet.space.smallest).other.weight.shape == (8, 8, 1, 1)
    assert supernet.train()(x, subnet=supernet.space.smallest).shape == IMAGE


def test_description_names_groups_reasons_and_costs() -> None:
    text = Supernet(Loop(), torch.randn(IMAGE)).describe()
    lines = text.splitlines()
    assert lines[0].split() == ["group", "channels", "tensors", "MACs", "widths"]
    assert any(line.split()[:2] == ["second", "32"] and "8 16 24 32" in line for line in lines)
    assert "is an output of the network" in text
    assert "1 elastic groups, 4 subnets" in text
    assert any(line.startswith("MACs (exact)  ") and " … " in line for line in lines)


def test_unused_parameters_are_reported_and_kept() -> None:
    module = Exotic()
    module.spare = nn.Linear(5, 5)
    supernet = Supernet(module, torch.randn(IMAGE))
    assert "not used in the forward pass: spare.weight … (2 tensors, 30)" in supernet.describe()
    assert supernet.extract(supernet.space.smallest).spare.weight.shape == (5, 5)


def test_groups_of_like_blocks_share_a_line_of_the_description() -> None:
    blocks = [nn.Sequential(nn.Conv2d(3, 16, 1), nn.ReLU(), nn.Conv2d(16, 3, 1)) for _ in range(45)]
    text = Supernet(nn.Sequential(*blocks), torch.randn(1, 3, 4, 4), trials=0).describe()
    (line,) = [line for line in text.splitlines() if line.startswith("*.* (45 groups)")]
    assert "8 16" in line and len(text.splitlines()) < 70
