"""Teaching generators on pairs, as pix2pix and GauGAN do."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gancompress.data.images import to_float
from gancompress.teach.evaluation import at_intervals
from tests.unit.teach.translate import OPTIONS, digits, label_maps, pix2pix, run, semantic


def l1(module: nn.Module, name: str, given: Tensor, wanted: Tensor) -> float:
    with torch.no_grad():
        return float(F.l1_loss(module(**{name: given}), wanted))


def test_pix2pix_learns_to_invert_digits(tmp_path: Path) -> None:
    events: list[Any] = []
    taught = run(pix2pix(), OPTIONS, tmp_path, events.append)
    white = to_float(digits("held_out", 40).batch(range(40)))
    # Untrained it is 0.82.
    assert l1(taught, "image", white, -white) < 0.15
    assert events[-1]["l1"] < 0.3 * events[0]["l1"]
    assert not taught.training


@pytest.mark.parametrize("perceived", [False, True])
def test_gaugan_learns_the_colours_of_classes(tmp_path: Path, perceived: bool) -> None:
    events: list[Any] = []
    taught = semantic(tmp_path, events, (lambda images: [images]) if perceived else None)
    rows = label_maps(1).batch(range(40))
    # Untrained it is 0.62; nothing asks for L1 itself.
    assert l1(taught, "label_map", rows["label_map"], rows["target"]) < 0.1
    assert events[-1]["features"] < 0.3 * events[0]["features"]
    assert ("perceptual" in events[-1]) == perceived


def test_resumed_training_equals_the_uninterrupted_one(tmp_path: Path) -> None:
    def stop(event: Any) -> None:
        if event["step"] == 6:
            raise KeyboardInterrupt

    options = replace(OPTIONS, steps=10, jitter=2)
    (tmp_path / "whole").mkdir()
    whole = run(pix2pix(options, flip=True), options, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(pix2pix(options, flip=True), options, tmp_path, stop, 0)
    resumed = run(pix2pix(options, flip=True), options, tmp_path)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name])


def test_looks_come_on_time_and_change_nothing(tmp_path: Path) -> None:
    looks: list[int] = []
    images = torch.zeros(1, 1, 8, 8)

    def look(step: int) -> None:
        looks.append(step)
        module = training.average
        assert torch.equal(module(image=images), module(image=images))  # no dropout

    (tmp_path / "blind").mkdir()
    options = replace(OPTIONS, steps=7)
    blind = run(pix2pix(options), options, tmp_path / "blind")
    training = replace(pix2pix(options), after=at_intervals(look, 3, 7))
    seen = run(training, options, tmp_path)
    assert looks == [3, 6, 7]
    assert torch.equal(blind(image=images), seen(image=images))
