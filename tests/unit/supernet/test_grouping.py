"""From ids and ties to channel groups."""

import numpy as np

from gancompress.supernet.axes import ChannelIds, Ids, Place, Reason
from gancompress.supernet.grouping import Grouping


def grouping(ids: ChannelIds, *vectors: Ids, results: tuple[Ids, ...] = ()) -> Grouping:
    places = [Place(f"{'abcdef'[i]}.weight", 0, vector) for i, vector in enumerate(vectors)]
    return Grouping(ids, places, results, [place.tensor[0] for place in places])


def test_tied_dimensions_are_one_group() -> None:
    ids = ChannelIds()
    a, b = ids.fresh(4), ids.fresh(4)
    ids.tie(a, b)
    (group,) = grouping(ids, a, b).groups
    assert (group.name, group.channels, group.unit) == ("a", 4, 1)
    assert group.places == (("a.weight", 0), ("b.weight", 0))


def test_channels_that_occur_elsewhere_are_another_group() -> None:
    ids = ChannelIds()
    a, b = ids.fresh(6), ids.fresh(2)
    ids.tie(a[:2], b)
    groups = grouping(ids, a, b).groups
    assert [(g.name, g.channels) for g in groups] == [("a", 2), ("a:2", 4)]


def test_channels_that_results_tell_apart_are_separate_groups() -> None:
    ids = ChannelIds()
    a = ids.fresh(6)
    groups = grouping(ids, a, results=(a[:2],)).groups
    assert [g.channels for g in groups] == [2, 4]


def test_repeated_channels_are_cut_together() -> None:
    ids = ChannelIds()
    a, b = ids.fresh(3), ids.fresh(6)
    ids.tie(np.repeat(a, 2), b)
    found = grouping(ids, a, b)
    assert [g.channels for g in found.groups] == [3]
    assert found.axis(b).keep(np.array([2])).tolist() == [True] * 4 + [False] * 2


def test_halves_keep_their_leading_channels() -> None:
    ids = ChannelIds()
    a = ids.fresh(6)
    ids.tie(a[:3], a[3:])
    found = grouping(ids, a, a[:3])
    assert found.axis(a).keep(np.array([2])).tolist() == [True, True, False] * 2


def test_a_channel_that_always_fills_two_places_is_a_unit_of_two() -> None:
    ids = ChannelIds()
    a = ids.fresh(6)
    ids.tie(a[::2], a[1::2])
    (group,) = grouping(ids, a).groups
    assert (group.channels, group.unit) == (6, 2)


def test_the_first_reason_pins_a_whole_group() -> None:
    ids = ChannelIds()
    a, b = ids.fresh(4), ids.fresh(4)
    ids.tie(a, b)
    ids.pin(b, Reason("first"))
    ids.pin(a, Reason("second"))
    (group,) = grouping(ids, a, b).groups
    assert str(group.pinned) == "first"


def test_elastic_groups_take_the_plain_name() -> None:
    ids = ChannelIds()
    a = ids.fresh(6)
    ids.pin(a[:2], Reason("because"))
    groups = grouping(ids, a, results=(a[:2],)).groups
    assert [(g.name, g.channels) for g in groups] == [("a:2", 2), ("a", 4)]


def test_sizes_are_affine_in_the_widths() -> None:
    ids = ChannelIds()
    a, fixed = ids.fresh(4), ids.fresh(3)
    found = grouping(ids, a, fixed)
    axis = found.axis(np.concatenate([fixed, a, a]))
    assert axis.coefficients(found.groups) == (0, {0: 2.0, 1: 1.0})
    assert axis is found.axis(np.concatenate([fixed, a, a]))
