from pathlib import Path

import pytest
from PIL import Image

from gancompress.errors import DataError
from gancompress.report.curves import _curves, _smoothed, save_curves

EVENTS = [
    {"time": 1.0, "stage": "distill", "step": 10, "l1": 0.5, "adversarial": 2.0},
    {"time": 2.0, "stage": "distill", "step": 20, "l1": 0.4},
    {"time": 3.0, "stage": "distill", "step": 20, "event": "l1 not finite; back to step 10"},
    {"time": 4.0, "stage": "distill", "step": 20, "l1": 0.3},
]


def test_losses_are_told_from_the_rest_and_a_repeated_step_counts_once():
    assert _curves(EVENTS) == {"l1": {10: 0.5, 20: 0.3}, "adversarial": {10: 2.0}}


def test_a_look_at_a_step_is_drawn_beside_its_losses():
    events = [{"step": 10, "held_out_l1": 0.6}, {"step": 10, "l1": 0.5}]
    assert _curves(events) == {"held_out_l1": {10: 0.6}, "l1": {10: 0.5}}


def test_smoothing_starts_at_the_first_value_and_keeps_a_constant():
    assert _smoothed([3.0] * 500) == pytest.approx([3.0] * 500)
    assert _smoothed([0.0, 1.0] * 250)[-1] == pytest.approx(0.5, abs=0.1)


def test_one_panel_per_loss(tmp_path: Path):
    save_curves(EVENTS, tmp_path / "two.png", title="distill")
    save_curves([{"step": 1, "l1": 1.0}], tmp_path / "one.png")
    with Image.open(tmp_path / "two.png") as two, Image.open(tmp_path / "one.png") as one:
        assert two.format == "PNG"
        assert two.width == 2 * one.width and two.height == one.height


@pytest.mark.parametrize("events", [[], [{"step": 1, "event": "started"}], [{"l1": 1.0}]])
def test_log_without_losses_is_refused(tmp_path: Path, events: list[dict[str, object]]):
    with pytest.raises(DataError, match="no losses to draw"):
        save_curves(events, tmp_path / "curves.png")
    assert list(tmp_path.iterdir()) == []
