"""Weights of subnets that do without some residual branches."""

import pytest
import torch

from gancompress.reconstruction import gather, reconstruct
from gancompress.supernet import Subnet, Supernet
from tests.unit.reconstruction.test_reconstruct import distance, images, teacher
from tests.zoo.branches import Nested, Parts, Stack, Whole

GIVEN = images(24)
BATCHES = [{"image": part} for part in GIVEN[:16].split(4)]
UNSEEN = GIVEN[16:]


def stack() -> Supernet:
    return Supernet(teacher(Stack(Whole, Parts, Nested, Parts, Whole)), BATCHES[0], depth=True)


def without(supernet: Supernet, name: str) -> Subnet:
    space = supernet.space
    return Subnet(0 if name == g else w for g, w in zip(space.groups, space.largest, strict=True))


@pytest.mark.parametrize("name", ["branch:blocks.0", "branch:blocks.1.b", "branch:blocks.2"])
def test_later_layers_make_up_for_a_dropped_branch(name: str) -> None:
    supernet = stack()
    subnet = without(supernet, name)
    cut = distance(supernet.extract(subnet).eval(), supernet.module, UNSEEN)
    solved = reconstruct(supernet, subnet, BATCHES).eval()
    assert distance(solved, supernet.module, UNSEEN) < 0.8 * cut


def test_narrow_subnets_without_branches_are_solved_for() -> None:
    supernet = stack()
    space = supernet.space
    half = dict(zip(space.groups, space.uniform(0.5), strict=True))
    subnet = Subnet(0 if "blocks.3" in n and n[:6] == "branch" else w for n, w in half.items())
    cut = distance(supernet.extract(subnet).eval(), supernet.module, UNSEEN)
    solved = reconstruct(supernet, subnet, BATCHES).eval()
    assert distance(solved, supernet.module, UNSEEN) < 0.9 * cut


def test_one_shot_weights_leave_dropped_branches_out() -> None:
    supernet = stack()
    gathered = gather(supernet, BATCHES)
    module = gathered.module(without(supernet, "branch:blocks.2"))
    assert torch.isfinite(module(UNSEEN)).all()
    assert not [name for name in gathered.weights(supernet.space.smallest) if "blocks" in name]


def test_a_dropped_branch_counts_as_lost() -> None:
    gathered = gather(stack(), BATCHES)
    space = gathered.supernet.space
    assert gathered.error(without(gathered.supernet, "branch:blocks.2")) > 0.1
    assert gathered.error(space.largest) < 1e-6
