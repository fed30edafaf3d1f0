"""Remarks are made once, logged and said."""

from typing import Any

from gancompress.training.warnings import WARM_UP, WarningLogger, numbers


def test_each_remark_is_logged_and_said_once_and_not_at_the_start() -> None:
    logged: list[Any] = []
    said: list[str] = []
    warning_logger = WarningLogger(
        lambda event: {"d": "the discriminator"}, logged.append, said.append, "distill"
    )
    for step in (10, WARM_UP, WARM_UP + 10):
        warning_logger({"step": step, "d": 0.0})
    assert [event["step"] for event in logged if "warning" in event] == [WARM_UP]
    assert len(said) == 1
    assert said[0].startswith(f"distill, step {WARM_UP}: the discriminator")


def test_only_losses_are_numbers_of_an_event() -> None:
    assert numbers({"step": 3, "d": 0.5, "taps": {"a": 1.0}}) == {"d": 0.5}
