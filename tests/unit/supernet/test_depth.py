"""Residual branches that a subnet may do without."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from gancompress.errors import SubnetError
from gancompress.supernet import Subnet, Supernet
from tests.zoo.branches import InPlace, Nested, Parts, Read, Shortcut, Stack, Whole, images
from tests.zoo.checks import check_supernet
from tests.zoo.rrdb import RRDBNet

BLOCKS = (Whole, Parts, InPlace)


@pytest.fixture
def supernet() -> Supernet:
    torch.manual_seed(0)
    return Supernet(Stack(*BLOCKS).eval(), images(), depth=True)


def without_branches(supernet: Supernet) -> Subnet:
    """Full width and no branch."""
    space = supernet.space
    return Subnet(0 if not widths[0] else widths[-1] for widths in space.choices)


def branches(supernet: Supernet) -> list[str]:
    return [name for name in supernet.space.groups if name.startswith("branch:")]


def test_depth_is_not_elastic_unless_asked_for() -> None:
    assert branches(Supernet(Stack(*BLOCKS), images())) == []


def test_residual_branches_are_found_however_they_are_written(supernet: Supernet) -> None:
    found = ["branch:blocks.0", "branch:blocks.1.b", "branch:blocks.2"]
    assert branches(supernet) == found


@pytest.mark.parametrize("block", [Shortcut, Read])
def test_sums_that_are_no_residual_branch_stay(block: type[nn.Module]) -> None:
    assert branches(Supernet(Stack(block, block, block), images(), depth=True)) == []


def test_why_a_branch_stays_is_said() -> None:
    described = Supernet(Stack(Read, Read, Read), images(), depth=True).describe()
    assert "what the branch computes is used elsewhere too" in described


def test_a_branch_of_most_of_the_network_stays() -> None:
    assert branches(Supernet(Stack(Whole), images(), depth=True)) == []


def test_without_branches_the_trunk_is_left(supernet: Supernet) -> None:
    module, batch = supernet.module, images()
    with torch.no_grad():
        expected = module.tail(module.head(batch["image"]).relu())
        actual = supernet(**batch, subnet=without_branches(supernet))
    assert torch.allclose(actual, expected, atol=1e-6)


def test_with_all_branches_the_supernet_is_the_module_bit_for_bit(supernet: Supernet) -> None:
    batch = images()
    with torch.no_grad():
        expected = supernet.module(**batch)
        assert torch.equal(supernet(**batch, subnet=supernet.space.largest), expected)
        supernet(**batch, subnet=supernet.space.smallest)
        assert torch.equal(supernet(**batch), expected)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("blocks", [BLOCKS, (Nested, Nested, Nested)], ids=["flat", "nested"])
def test_extracted_subnets_equal_the_supernet_and_cost_what_is_said(
    blocks: tuple[type[nn.Module], ...], seed: int
) -> None:
    torch.manual_seed(seed)
    check_supernet(Stack(*blocks), images(), seed=seed, depth=True)


def test_published_residual_in_residual_blocks_can_be_dropped() -> None:
    torch.manual_seed(0)
    batch = {"image": torch.randn(2, 3, 8, 8)}
    supernet = check_supernet(RRDBNet(width=16, growth=8), batch, depth=True)
    assert "branch:body.0" in branches(supernet)
    assert "branch:body.0.rdb1" in branches(supernet)


def test_a_dropped_branch_leaves_no_tensors_in_the_student(supernet: Supernet) -> None:
    student = supernet.extract(without_branches(supernet))
    assert [name for name, _ in student.named_parameters() if "blocks" in name] == []


def test_a_student_without_branches_can_be_copied(supernet: Supernet) -> None:
    student, batch = supernet.extract(supernet.space.smallest), images()
    assert torch.equal(copy.deepcopy(student)(**batch), student(**batch))


def test_dropped_branches_get_no_gradients(supernet: Supernet) -> None:
    supernet(**images(), subnet=without_branches(supernet)).sum().backward()
    learning = {n for n, p in supernet.module.named_parameters() if p.grad is not None}
    assert learning == {"head.weight", "head.bias", "tail.weight", "tail.bias"}


def test_a_branch_can_be_kept() -> None:
    keep = {"branch:blocks.0": [1]}
    supernet = Supernet(Stack(*BLOCKS), images(), depth=True, widths=keep)
    assert branches(supernet) == ["branch:blocks.1.b", "branch:blocks.2"]


def test_patterns_of_widths_do_not_mean_branches() -> None:
    supernet = Supernet(Stack(*BLOCKS), images(), depth=True, widths={"*": [16]})
    assert len(branches(supernet)) == len(BLOCKS)


def test_a_branch_has_no_other_widths() -> None:
    with pytest.raises(SubnetError, match=r"branch:blocks\.0.*2"):
        Supernet(Stack(*BLOCKS), images(), depth=True, widths={"branch:*": [2]})


def test_branches_can_be_tied() -> None:
    supernet = Supernet(Stack(*BLOCKS), images(), depth=True, ties=["branch:*"])
    assert branches(supernet) == ["branch:blocks.0"]
    student = supernet.extract(without_branches(supernet))
    assert not any("blocks" in name for name, _ in student.named_parameters())


def test_uniform_widths_have_all_branches(supernet: Supernet) -> None:
    widths = dict(zip(supernet.space.groups, supernet.space.uniform(0.25), strict=True))
    assert {widths[name] for name in branches(supernet)} == {1}


def test_channels_keep_their_meaning_when_they_are_sorted_beside_dropped_branches() -> None:
    torch.manual_seed(0)
    supernet = check_supernet(Stack(*BLOCKS), images(), depth=True)  # sorts at its end
    subnet, batch = without_branches(supernet), images()
    batch = {name: value.double() for name, value in batch.items()}
    module = supernet.module
    with torch.no_grad():
        expected = module.tail(module.head(batch["image"]).relu())
        assert torch.allclose(supernet(**batch, subnet=subnet), expected)


def test_spaces_of_branches_can_be_sampled(supernet: Supernet) -> None:
    rng = np.random.default_rng(0)
    drawn = {tuple(supernet.space.sample(rng)) for _ in range(50)}
    at = [supernet.space.groups.index(name) for name in branches(supernet)]
    assert {subnet[i] for subnet in drawn for i in at} == {0, 1}


@pytest.mark.parametrize("blocks", [BLOCKS, (Nested, Nested, Nested)], ids=["flat", "nested"])
def test_subnets_that_are_the_same_network_have_one_canonical_form(
    blocks: tuple[type[nn.Module], ...],
) -> None:
    torch.manual_seed(0)
    supernet = Supernet(Stack(*blocks).eval(), images(), depth=True, minimum=2, divisor=2)
    space, rng = supernet.space, np.random.default_rng(0)
    drawn = np.array([space.sample(rng) for _ in range(6)])
    assert (space.canonical(drawn) != drawn).any()
    for row, same in zip(drawn, space.canonical(drawn), strict=True):
        states = [supernet.extract(subnet).state_dict() for subnet in (row.tolist(), same.tolist())]
        assert states[0].keys() == states[1].keys()
        assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_what_is_in_no_dropped_branch_keeps_its_width(supernet: Supernet) -> None:
    space = supernet.space
    canonical = space.canonical(np.array([without_branches(supernet), space.largest]))
    widths = dict(zip(space.groups, canonical[0], strict=True))
    assert widths["head"] == 16
    assert widths["blocks.0.body.0"] == space.smallest[space.groups.index("blocks.0.body.0")]
    assert tuple(canonical[1]) == space.largest
