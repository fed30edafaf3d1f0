"""Charts as SVG."""

import re

import pytest

from gancompress.report.charts import (
    LEFT,
    RIGHT,
    WIDTH,
    Axis,
    Mark,
    Series,
    lines,
    scatter,
    spanning,
)


def _texts(svg: str) -> list[str]:
    return re.findall(r"<text [^>]*>([^<]*)</text>", svg)


@pytest.mark.parametrize(("low", "high"), [(3.9e5, 1.1e6), (8e5, 1.2e6), (1e6, 9e9), (5e6, 6e6)])
def test_cost_axis_has_at_least_three_readable_ticks(low: float, high: float) -> None:
    ticks = spanning("MACs", [low, high], log=True).ticks()
    assert 3 <= len(ticks) <= 12
    marks = [Mark(low, 0.1, ""), Mark(high, 0.2, "")]
    numbers = _texts(scatter("MACs", "l1", [Series("front", "line", marks)]))
    assert len(set(numbers)) == len(numbers)


def test_ends_of_an_axis_are_its_ends() -> None:
    assert Axis("", 2.0, 4.0).share(3.0) == 0.5
    assert Axis("", 1.0, 100.0, log=True).share(10.0) == pytest.approx(0.5)


def test_marks_hold_what_is_shown_of_them() -> None:
    marks = [Mark(1e6, 0.3, "8_8\n1M MACs", picture="data:image/png;base64,AA")]
    svg = scatter("MACs", "l1", [Series("chosen", "star", marks)])
    assert 'data-tip="8_8\n1M MACs"' in svg and 'data-picture="data:image/png;base64,AA"' in svg
    assert 'tabindex="0"' in svg and 'aria-label="8_8\n1M MACs"' in svg


def test_levels_are_inside_the_axis_and_named() -> None:
    marks = [Mark(1e6, 0.3, ""), Mark(2e6, 0.2, "")]
    svg = scatter("MACs", "l1", [Series("front", "line", marks)], {"teacher": 4e7, "budget": 1e5})
    places = [float(x) for x in re.findall(r'class="level" d="M([0-9.]+) ', svg)]
    assert len(places) == 2 and all(LEFT <= x <= WIDTH - RIGHT for x in places)
    assert {"teacher", "budget"} <= set(_texts(svg))


def test_one_point_and_equal_values_can_be_drawn() -> None:
    assert "<circle" in scatter("MACs", "l1", [Series("all", "dots", [Mark(1e6, 0.0, "a")])])
    assert "<polyline" in lines("l1", {"": {1: 0.5, 2: 0.5}})


def test_empty_series_are_left_out_of_the_legend() -> None:
    full = Series("front", "line", [Mark(1.0, 1.0, "")])
    assert "uniform" not in scatter("MACs", "l1", [full, Series("uniform", "line", [])])
