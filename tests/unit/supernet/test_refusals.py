"""What is no plain module, no size and no subnet is refused with the way out."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from gancompress.errors import SubnetError, TraceError
from gancompress.supernet import Supernet
from gancompress.supernet.importance import taylor_scores

X = torch.randn(2, 3, 8, 8)


def base() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 32, 1), nn.ReLU(), nn.Conv2d(32, 3, 1))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: torch.jit.script(base()), "give the nn.Module that it was scripted"),
        (lambda: nn.Sequential(base(), torch.jit.trace(base(), X)), "ScriptModule"),
        (lambda: nn.Sequential(nn.LazyConv2d(8, 1)), "0.weight has no shape yet"),
        (lambda: nn.DataParallel(base()), "dataparallel.module"),
        (lambda: torch.compile(base()), "compiled._orig_mod"),
    ],
)
def test_what_is_no_plain_module_is_refused(make: Callable[[], nn.Module], message: str) -> None:
    with pytest.raises(TraceError, match=message):
        Supernet(make(), X)


@pytest.mark.parametrize(
    "options",
    [
        {"divisor": -8},
        {"divisor": 2.5},
        {"minimum": 0},
        {"ratios": [2]},
        {"ratios": [0.5, 0]},
        {"trials": -1},
    ],
)
def test_sizes_out_of_range_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(SubnetError, match=f"{next(iter(options))}: .* must be"):
        Supernet(base(), X, **options)


def test_what_is_no_share_and_no_subnet_is_refused() -> None:
    supernet = Supernet(base(), X)
    for ratio in (7, -1, "half"):
        with pytest.raises(SubnetError, match="from 0 to 1"):
            supernet.space.uniform(ratio)
    with pytest.raises(SubnetError, match=r"space.parse\('8'\)"):
        supernet(X, subnet="8")
    with pytest.raises(SubnetError, match="one width for every group"):
        supernet.extract(8)


def test_the_narrowest_width_is_the_recipes_unless_given() -> None:
    assert Supernet(base(), X, divisor=4).space.choices[0][0] == 8
    assert Supernet(base(), X, divisor=4, minimum=4).space.choices[0][0] == 4


def test_a_detour_through_numpy_is_named() -> None:
    class Arrays(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv2d(3, 32, 1), nn.Conv2d(32, 3, 1)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.b(torch.from_numpy(self.a(x).detach().numpy() * 2))
            return out

    assert "leaves PyTorch by .numpy()" in Supernet(Arrays(), X).describe()


class Several(nn.Module):
    """An output that is a tuple with a mapping."""

    def __init__(self) -> None:
        super().__init__()
        self.body = base()

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        made = self.body(x)
        return made, {"mean": made.mean((1, 2, 3))}


def test_an_output_of_several_tensors_is_converted_ranked_and_extracted() -> None:
    supernet = Supernet(Several(), X)
    assert supernet.space.groups == ("body.0",)
    assert taylor_scores(supernet, [{"x": X}], seed=0)["body.0"].shape == (32,)
    made, more = supernet.extract(supernet.space.smallest)(X)
    assert made.shape == X.shape and more["mean"].shape == (2,)


def test_a_compiled_supernet_runs_subnets_and_learns() -> None:
    supernet = Supernet(base(), X)
    compiled = torch.compile(supernet, backend="eager")
    for subnet in (supernet.space.smallest, supernet.space.uniform(0.5)):
        torch.testing.assert_close(compiled(X, subnet=subnet), supernet(X, subnet=subnet))
    compiled(X, subnet=supernet.space.smallest).sum().backward()
    assert supernet.module[0].weight.grad.abs().sum() > 0
