import pytest
from PIL import Image

from gancompress.errors import DataError
from gancompress.report.front import FrontPanel, Point, save_front, save_widths

POINTS = [Point(1e6, 3.0, 0.1), Point(1e7, 1.0, 0.2), Point(1e8, 0.5)]


def panel(**changes) -> FrontPanel:
    settings = {"cost": "MACs", "quality": "L1", "candidates": POINTS, "front": POINTS[:2]}
    return FrontPanel(**{**settings, "uniform": POINTS[1:], **changes})


def colours(path) -> set:
    return {colour for _, colour in Image.open(path).convert("RGB").getcolors(1 << 20)}


def test_each_cost_has_its_panel(tmp_path):
    save_front([panel()], tmp_path / "one.png")
    save_front([panel(), panel(cost="latency")], tmp_path / "two.png")
    one, two = (Image.open(tmp_path / name).size for name in ("one.png", "two.png"))
    assert two == (2 * one[0], one[1])


def test_the_chosen_one_is_marked(tmp_path):
    red = (214, 39, 40)
    save_front([panel()], tmp_path / "without.png")
    save_front([panel(chosen=POINTS[1], teacher=Point(1e9, 0.0))], tmp_path / "with.png")
    assert red not in colours(tmp_path / "without.png")
    assert red in colours(tmp_path / "with.png")


def test_the_uniform_line_is_drawn(tmp_path):
    orange = (255, 127, 14)
    save_front([panel(uniform=[])], tmp_path / "without.png")
    save_front([panel()], tmp_path / "with.png")
    assert orange not in colours(tmp_path / "without.png")
    assert orange in colours(tmp_path / "with.png")


def test_bars_are_as_long_as_the_chosen_widths(tmp_path):
    blue, grey = (31, 119, 180), (217, 217, 217)

    def counts(width: int) -> tuple[int, int]:
        save_widths({"a": width, "b": 64}, {"a": 64, "b": 64}, tmp_path / "w.png")
        pixels = Image.open(tmp_path / "w.png").convert("RGB").getcolors(1 << 20)
        by_colour = {colour: count for count, colour in pixels}
        return by_colour[blue], by_colour[grey]

    narrow, wide = counts(8), counts(56)
    assert narrow[0] < wide[0] and narrow[1] > wide[1]


def test_nothing_to_draw_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"front\.png"):
        save_front([panel(candidates=[])], tmp_path / "front.png")
    with pytest.raises(DataError, match=r"front\.png"):
        save_front([], tmp_path / "front.png")
    with pytest.raises(DataError, match=r"w\.png"):
        save_widths({"a": 8}, {"b": 8}, tmp_path / "w.png")
