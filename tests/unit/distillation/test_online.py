"""Online distillation: a teacher is trained together with its student."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gancompress.distillation.online import together
from tests.unit.distillation.online import distil
from tests.unit.teach.translate import OPTIONS, pix2pix, run

SIX = replace(OPTIONS, steps=6, jitter=2)
INSIDE = {"l1": 1.0, "adapted": 1.0, "channel_means": 1.0, "kernel_alignment": 1.0}


def same(one: nn.Module, other: nn.Module) -> bool:
    theirs = other.state_dict()
    return all(torch.equal(value, theirs[name]) for name, value in one.state_dict().items())


def test_resumed_with_its_teacher_equals_uninterrupted(tmp_path: Path) -> None:
    def stops(event: Mapping[str, Any]) -> None:
        if event["step"] == 4:
            raise InterruptedError

    (tmp_path / "parts").mkdir()
    whole, parts = pix2pix(SIX, flip=True), pix2pix(SIX, flip=True)
    student = distil(tmp_path, whole, terms=INSIDE)
    with pytest.raises(InterruptedError):
        distil(tmp_path / "parts", parts, terms=INSIDE, log=stops)
    resumed = pix2pix(SIX, flip=True)
    assert same(student, distil(tmp_path / "parts", resumed, terms=INSIDE))
    assert same(whole.live, resumed.live)
    assert same(whole.average, resumed.average)


def test_a_teacher_learns_the_same_training_as_alone(tmp_path: Path) -> None:
    alone, training = pix2pix(SIX, flip=True), pix2pix(SIX, flip=True)
    run(alone, SIX, tmp_path)
    distil(tmp_path, training, terms=INSIDE)
    assert same(alone.average, training.average)


def test_it_answers_in_evaluation_mode_and_learns_in_training_mode(tmp_path: Path) -> None:
    training = pix2pix(SIX, flip=True)
    modes: list[bool] = []

    def update(step: int, rng: np.random.Generator) -> Mapping[str, Tensor]:
        modes.append(training.live.training)
        return training.update(step, rng)

    # The source refuses to ask a teacher that is in training mode.
    distil(tmp_path, replace(training, update=update), terms={"l1": 1.0})
    assert modes == [True] * 6
    assert not training.live.training


def test_losses_and_looks_of_both_are_logged_and_none_is_the_best(tmp_path: Path) -> None:
    events: list[Mapping[str, Any]] = []
    shown: list[Tensor] = []
    looked: list[int] = []

    def look(done: int) -> bool:
        looked.append(done)
        return True  # which ends nothing

    distil(
        tmp_path, replace(pix2pix(SIX, flip=True), after=look), terms={"l1": 1.0},
        log=events.append, show=lambda step, rows: shown.append(rows["teacher"]),
    )  # fmt: skip
    assert looked == [1, 2, 3, 4, 5, 6]
    assert {"teacher_d", "teacher_g", "teacher_l1", "l1.largest"} <= events[-1].keys()
    assert not torch.equal(*shown)  # the teacher of step 3 and of step 6
    scored = [event for event in events if "held_out.largest" in event]
    assert [event["step"] for event in scored] == [3, 6]
    assert not any("best_step" in event for event in scored)
    assert [path.name for path in tmp_path.iterdir()] == ["distill.pt"]


def test_remarks_say_whose_they_are() -> None:
    training = replace(
        pix2pix(SIX, flip=True), find_warnings=lambda event: {"d": f"{event['d']} is what I see"}
    )
    found = together(training, training).find_warnings({"step": 3, "d": 1.0, "teacher_d": 2.0})
    assert found == {"teacher_d": "teacher: 2.0 is what I see", "d": "1.0 is what I see"}
