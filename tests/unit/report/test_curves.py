"""Loss curves from logged events."""

import pytest

from gancompress.report.curves import loss_curves


def test_losses_of_one_kind_are_together() -> None:
    events = [{"step": s, "l1.largest": 0.1, "l1.smallest": 0.2, "d": 1.0} for s in (1, 2)]
    kinds = loss_curves(events)
    assert {kind: set(curves) for kind, curves in kinds.items()} == {
        "d": {""},
        "l1": {"largest", "smallest"},
    }


def test_later_event_of_a_step_counts_and_steps_are_in_order() -> None:
    events = [{"step": 2, "l1": 5.0}, {"step": 1, "l1": 1.0}, {"step": 2, "l1": 1.0}]
    assert loss_curves(events) == {"l1": {"": {1: pytest.approx(1.0), 2: pytest.approx(1.0)}}}


def test_lines_of_one_step_are_joined_and_other_events_left_out() -> None:
    events = [
        {"step": 1, "l1": 1.0},
        {"step": 1, "fd": 2.0},
        {"step": 0, "event": "started"},
        {"stage": "distill"},
    ]
    assert set(loss_curves(events)) == {"fd", "l1"}


def test_constant_stays_constant_under_smoothing() -> None:
    curve = loss_curves([{"step": s, "l1": 3.0} for s in range(200)])["l1"][""]
    assert list(curve.values()) == pytest.approx([3.0] * 200)
