"""Whatever is built of the field's operators, a subnet is what it claims to be."""

import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.zoo.checks import check_supernet, elastic_share
from tests.zoo.operators import BLOCKS, Network, inputs

NETWORKS = st.lists(st.sampled_from(sorted(BLOCKS)), min_size=2, max_size=5)
SEEDS = st.integers(0, 1000)
# Networks are a second each: a failing one is reported as it is, without minutes of shrinking.
PHASES = (Phase.explicit, Phase.generate)


def check(names: list[str], seed: int) -> None:
    torch.manual_seed(seed)
    supernet = check_supernet(Network(names), inputs(), seed, divisor=4, minimum=4, trials=1)
    assert elastic_share(supernet) >= 0.95


@pytest.mark.parametrize("block", BLOCKS)
def test_every_operator_keeps_its_promises(block: str) -> None:
    check([block], seed=0)


@settings(max_examples=10, deadline=None, derandomize=True, phases=PHASES)
@given(NETWORKS, SEEDS)
def test_random_networks_keep_their_promises(names: list[str], seed: int) -> None:
    check(names, seed)


@pytest.mark.slow
@settings(max_examples=300, deadline=None, phases=PHASES)
@given(NETWORKS, SEEDS)
def test_many_random_networks_keep_their_promises(names: list[str], seed: int) -> None:
    check(names, seed)
