"""Which subnets learn when."""

import numpy as np
import pytest
import torch

from gancompress.distillation.sampling import OPEN_AFTER, subnets_of_step
from gancompress.supernet import SearchSpace, Supernet
from tests.unit.distillation.small import Generator


@pytest.fixture(scope="module")
def space() -> SearchSpace:
    return Supernet(Generator(16), {"z": torch.randn(2, 6)}, divisor=4, minimum=4).space


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_the_sandwich_has_both_ends(space: SearchSpace) -> None:
    found = subnets_of_step(space, "sandwich", 2, rng())
    assert len(found) == 4
    assert (found[0], found[-1]) == (space.largest, space.smallest)


def test_uniform_has_only_random_ones(space: SearchSpace) -> None:
    found = [subnets_of_step(space, "uniform", 1, rng(seed)) for seed in range(40)]
    assert {len(subnets) for subnets in found} == {1}
    assert len({subnets[0] for subnets in found}) > 10


def test_progressive_shrinking_opens_from_the_largest_to_the_smallest(space: SearchSpace) -> None:
    assert subnets_of_step(space, "progressive", 1, rng(), 0.0) == [space.largest]
    ends = [
        sum(subnets_of_step(space, "progressive", 1, rng(), progress)[-1])
        for progress in np.linspace(0, OPEN_AFTER, 6)
    ]
    assert ends == sorted(ends, reverse=True)
    assert ends[-1] == sum(space.smallest)
    assert subnets_of_step(space, "progressive", 1, rng(), 1.0)[-1] == space.smallest


def test_progressive_shrinking_draws_only_from_what_is_open(space: SearchSpace) -> None:
    for seed in range(30):
        *subnets, smallest = subnets_of_step(space, "progressive", 2, rng(seed), OPEN_AFTER / 2)
        for subnet in subnets:
            assert all(a >= b for a, b in zip(subnet, smallest, strict=True))
            assert space.check(subnet) == subnet
