"""Remarks are made once, logged and said."""

from typing import Any

from gancompress.training.watch import PATIENCE, Watch, numbers


def test_each_remark_is_logged_and_said_once_and_not_at_the_start() -> None:
    logged: list[Any] = []
    said: list[str] = []
    watch = Watch(lambda event: {"d": "the discriminator"}, logged.append, said.append, "distill")
    for step in (10, PATIENCE, PATIENCE + 10):
        watch({"step": step, "d": 0.0})
    assert [event["step"] for event in logged if "remark" in event] == [PATIENCE]
    assert len(said) == 1
    assert said[0].startswith(f"distill, step {PATIENCE}: the discriminator")


def test_only_losses_are_numbers_of_an_event() -> None:
    assert numbers({"step": 3, "d": 0.5, "taps": {"a": 1.0}}) == {"d": 0.5}
