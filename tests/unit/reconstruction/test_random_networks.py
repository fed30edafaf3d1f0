"""Whatever is built of the field's operators, solved weights are no worse than cut ones."""

import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from gancompress.batch import Batch
from gancompress.reconstruction import gather, reconstruct
from gancompress.supernet import Supernet
from tests.zoo.operators import BLOCKS, Network, inputs


def far(a: nn.Module, b: nn.Module, batch: Batch) -> float:
    """The mean difference of their outputs, in parts of the largest output."""
    with torch.no_grad():
        ours, theirs = a.eval()(**batch), b.eval()(**batch)
    difference: Tensor = (ours - theirs).abs().mean() / theirs.abs().max()
    return float(difference)


def check(names: list[str], seed: int) -> None:
    torch.manual_seed(seed)
    net = Network(names).eval()
    parts = [inputs() for _ in range(8)]
    batch = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    supernet = Supernet(net, parts[0], divisor=4, minimum=4)
    largest, half = supernet.space.largest, supernet.space.uniform(0.5)
    gathered = gather(supernet, [batch])
    assert far(gathered.module(largest), net, batch) < 1e-5
    assert far(reconstruct(supernet, largest, [batch]), net, batch) < 1e-5
    cut = far(supernet.extract(half), net, batch)
    assert far(reconstruct(supernet, half, [batch]), net, batch) <= 1.001 * cut
    assert torch.isfinite(torch.tensor(far(gathered.module(half), net, batch)))


@pytest.mark.parametrize("block", BLOCKS)
def test_every_operator_is_solved_for_or_left(block: str) -> None:
    check([block], seed=0)


@settings(max_examples=3, deadline=None, derandomize=True, phases=(Phase.explicit, Phase.generate))
@given(st.lists(st.sampled_from(sorted(BLOCKS)), min_size=2, max_size=4), st.integers(0, 1000))
def test_random_networks_are_no_worse_than_cut(names: list[str], seed: int) -> None:
    check(names, seed)
