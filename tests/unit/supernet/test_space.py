"""The search space and its subnets."""

import json

import numpy as np
import pytest

from gancompress.errors import SubnetError
from gancompress.supernet import ChannelGroup, SearchSpace, Subnet
from gancompress.supernet.axes import Reason
from gancompress.supernet.offer import build_space


def group(name: str, channels: int, unit: int = 1, pinned: bool = False) -> ChannelGroup:
    return ChannelGroup(
        name=name,
        channels=channels,
        unit=unit,
        places=(),
        pinned=Reason("because") if pinned else None,
    )


GROUPS = (group("stem", 32), group("out", 3, pinned=True), group("body", 20), group("tail", 16))


def space(groups: tuple[ChannelGroup, ...] = GROUPS, **options: object) -> SearchSpace:
    settings = {"divisor": 8, "minimum": 1, "ratios": None, "widths": {}, "ties": (), **options}
    return build_space(groups, **settings)  # type: ignore[arg-type]


def test_widths_are_multiples_of_the_divisor_and_the_full_width() -> None:
    assert space().groups == ("stem", "body", "tail")
    assert space().choices == ((8, 16, 24, 32), (8, 16, 20), (8, 16))
    assert space().size == 24


def test_groups_not_wider_than_the_divisor_are_fixed() -> None:
    assert space((group("narrow", 8), group("wide", 9))).groups == ("wide",)


def test_widths_are_whole_units() -> None:
    assert space((group("grouped", 48, unit=12),)).choices == ((24, 48),)


def test_minimum_bounds_widths_from_below() -> None:
    assert space(minimum=16).groups == ("stem", "body")
    assert space(minimum=16).choices == ((16, 24, 32), (16, 20))


def test_ratios_offer_fractions_rounded_to_the_divisor() -> None:
    assert space((group("a", 64),), ratios=(0.25, 0.5, 0.3)).choices == ((16, 32, 64),)


def test_explicit_widths_apply_by_name_pattern() -> None:
    assert space(widths={"st*": [5, 12]}).choices[0] == (5, 12, 32)


def test_explicit_widths_that_do_not_fit_are_refused() -> None:
    with pytest.raises(SubnetError, match="widths of stem: 40 must be"):
        space(widths={"stem": [40]})


def test_patterns_that_match_nothing_are_refused() -> None:
    with pytest.raises(SubnetError, match="'steam' matches no elastic group; there are stem"):
        space(ties=["steam"])


def test_tied_groups_share_one_width_in_proportion() -> None:
    tied = space((group("a.1", 32), group("b", 16), group("a.2", 64)), ties=["a.*"])
    assert tied.groups == ("a.1", "b")
    widths = tied.widths((group("a.1", 32), group("b", 16), group("a.2", 64)), [[24, 8]])
    assert widths.tolist() == [[24, 8, 48]]


def test_pinned_groups_keep_their_channels() -> None:
    assert space().widths(GROUPS, [8, 8, 16]).tolist() == [8, 3, 8, 16]


def test_text_form_is_the_widths_joined() -> None:
    assert str(space().smallest) == "8_8_8"
    assert space().parse("16_20_8") == Subnet((16, 20, 8))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("8_8", "2 widths, but the space has 3 groups"),
        ("8_9_8", "group body: width 9 is not one of 8, 16, 20"),
        ("8_x_8", "expected widths joined by _"),
    ],
)
def test_foreign_subnets_are_refused(text: str, complaint: str) -> None:
    with pytest.raises(SubnetError, match=complaint):
        space().parse(text)


def test_uniform_takes_the_nearest_width() -> None:
    assert space().uniform(0.5) == (16, 8, 8)
    assert space().uniform(0.0) == space().smallest
    assert space().uniform(1.0) == space().largest


def test_samples_are_of_the_space_and_reproducible() -> None:
    drawn = [space().sample(np.random.default_rng(seed)) for seed in range(50)]
    assert drawn == [space().sample(np.random.default_rng(seed)) for seed in range(50)]
    assert len(set(drawn)) > 10
    assert all(space().check(subnet) for subnet in drawn)


def test_mutation_redraws_at_its_rate() -> None:
    rng = np.random.default_rng(0)
    assert space().mutate(space().largest, rng, 0.0) == space().largest
    assert any(space().mutate(space().largest, rng, 1.0) != space().largest for _ in range(9))


def test_crossover_takes_every_width_from_a_parent() -> None:
    rng = np.random.default_rng(0)
    a, b = space().smallest, space().largest
    children = {space().crossover(a, b, rng) for _ in range(50)}
    assert len(children) == 8
    assert all(w in pair for child in children for w, *pair in zip(child, a, b, strict=True))


def test_neighbours_differ_by_one_step() -> None:
    assert space().neighbours((16, 8, 16)) == [(8, 8, 16), (24, 8, 16), (16, 16, 16), (16, 8, 8)]


def test_json_form_gives_the_space_back() -> None:
    tied = space((group("a.1", 32), group("a.2", 64)), ties=["a.*"])
    assert SearchSpace.from_json(json.dumps(tied.to_json())) == tied
    deep = SearchSpace(("a", "branch:a"), ((8, 16), (0, 1)), {}, {0: (frozenset([1]),)})
    assert SearchSpace.from_json(json.dumps(deep.to_json())) == deep


def test_very_many_widths_are_not_written_out_in_a_sentence() -> None:
    assert Subnet([8, 16]).brief == "8_16"
    assert Subnet([8] * 300 + [24]).brief == "301 widths from 8 to 24"
