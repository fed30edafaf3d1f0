import pytest

from gancompress.architecture_search.budget import (
    Amount,
    Budget,
    budget_of,
    check_feasible,
    fits,
    format_amount,
    parse_amount,
)
from gancompress.architecture_search.options import SearchOptions
from gancompress.errors import BudgetError

from .synthetic import chain, space_of


@pytest.mark.parametrize(
    ("text", "metric", "value"),
    [
        ("4M", "macs", 4e6),
        ("2.5k", "params", 2500),
        ("1G", "macs", 1e9),
        ("1e6", "macs", 1e6),
        (250_000, "params", 250_000),
        ("250_000", "params", 250_000),
        ("512KiB", "size", 512 * 1024),
        ("4MB", "size", 4e6),
        ("100", "size", 100),
        ("2ms", "latency", 2e-3),
        ("0.5 s", "latency", 0.5),
        ("300us", "latency", 3e-4),
    ],
)
def test_absolute_amounts_are_read(text, metric, value):
    assert parse_amount(text, metric) == Amount(pytest.approx(value))


@pytest.mark.parametrize(("text", "share"), [("1/8", 0.125), ("12.5%", 0.125), ("3 / 4", 0.75)])
def test_shares_are_read(text, share):
    assert parse_amount(text) == Amount(share, relative=True)


@pytest.mark.parametrize(
    ("text", "metric"),
    [
        ("", "macs"),
        ("-4M", "macs"),
        ("0", "macs"),
        ("4X", "macs"),
        ("1/0", "macs"),
        ("2ms", "macs"),
        ("2", "latency"),
        ("4MB", "params"),
        ("nan", "macs"),
        ("four", "size"),
        ("0/8", "macs"),
    ],
)
def test_an_amount_that_is_none_is_refused_with_its_place_and_an_example(text, metric):
    with pytest.raises(BudgetError, match=r"search\.\w+_budget: .* write for instance "):
        parse_amount(text, metric)


@pytest.mark.parametrize(
    ("value", "metric", "text"),
    [
        (3.1e6, "macs", "3.1M"),
        (512_000, "size", "512KB"),
        (2.04e-3, "latency", "2.04ms"),
        (999, "params", "999"),
        (1.5, "latency", "1.5s"),
    ],
)
def test_amounts_are_written_for_people(value, metric, text):
    assert format_amount(value, metric) == text


def test_empty_texts_are_no_limits():
    assert Budget.parse(macs="", params=None).limits({}) == {}


def test_shares_are_taken_of_the_reference():
    limits = Budget.parse(macs="1/8", size="4K").limits({"macs": 800.0})
    assert limits == {"macs": 100.0, "size": 4000.0}


def test_memory_is_limited_in_bytes():
    assert budget_of(SearchOptions(memory_budget="8MB")).limits({}) == {"memory": 8e6}
    shares = Budget.parse(memory="1/4").limits({"activation_bytes": 800.0})
    assert shares == {"memory": 200.0}


def test_a_share_of_an_unknown_cost_is_refused():
    with pytest.raises(BudgetError, match=r"search\.param_budget"):
        Budget.parse(params="1/8").limits({"macs": 800.0})


def test_an_impossible_budget_is_refused_with_range_and_cheapest_subnet():
    space = space_of(3, 4)
    costs = chain(space).costs
    least = costs([space.smallest])["macs"][0]
    with pytest.raises(BudgetError) as caught:
        check_feasible({"macs": least - 1, "params": 1e9}, space, costs)
    message = str(caught.value)
    assert "search.mac_budget" in message and "below the smallest subnet" in message
    assert "16_16_16" in message and format_amount(least, "macs") in message
    assert "param_budget" not in message


def test_every_limit_that_binds_is_named():
    space = space_of(3, 4)
    with pytest.raises(BudgetError, match=r"mac_budget.*\n.*param_budget"):
        check_feasible({"macs": 1, "params": 1}, space, chain(space).costs)


def test_the_smallest_subnets_cost_is_a_possible_budget():
    space = space_of(3, 4)
    costs = chain(space).costs
    check_feasible({"macs": costs([space.smallest])["macs"][0]}, space, costs)


def test_an_unknown_latency_is_refused():
    space = space_of(2, 2)
    with pytest.raises(BudgetError, match="latency"):
        check_feasible({"latency": 1.0}, space, chain(space).costs)


def test_limits_hold_together():
    assert fits({"macs": 5, "params": 5}, {"macs": 5, "params": 5})
    assert not fits({"macs": 5, "params": 6}, {"macs": 5, "params": 5})
