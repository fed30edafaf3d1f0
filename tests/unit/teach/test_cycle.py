"""Teaching two generators without pairs, as CycleGAN does."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from gancompress.data.images import to_float
from gancompress.teach.cycle import Pool
from tests.unit.teach.translate import cycle, digits


def test_cyclegan_learns_to_invert_digits_without_pairs(tmp_path: Path) -> None:
    events: list[Any] = []
    there, back = cycle(tmp_path, events.append)
    white = to_float(digits("held_out", 40).batch(range(40)))
    with torch.no_grad():
        black = there(image=white)
        # Untrained these are 0.88, 0.77 and 0.8.
        assert F.l1_loss(black, -white) < 0.45
        assert F.l1_loss(back(image=-white), white) < 0.45
        assert F.l1_loss(back(image=black), white) < 0.45
    assert events[-1]["cycle"] < 0.5 * events[0]["cycle"]


def test_identity_is_asked_for_where_it_weighs(tmp_path: Path) -> None:
    events: list[Any] = []
    cycle(tmp_path, events.append, steps=2, identity=0.5)
    assert events[-1]["identity"] > 0
    cycle(tmp_path / "without", events.append, steps=2)
    assert "identity" not in events[-1]


def test_resumed_training_equals_the_uninterrupted_one(tmp_path: Path) -> None:
    def stop(event: Any) -> None:
        if event["step"] == 8:
            raise KeyboardInterrupt

    # The pools of 20 images are full after three steps: what they give depends on their state.
    own: dict[str, Any] = {"steps": 12, "jitter": 2, "flip": True, "checkpoint_seconds": 0}
    whole = cycle(tmp_path / "whole", **own)
    with pytest.raises(KeyboardInterrupt):
        cycle(tmp_path, log=stop, **own)
    resumed = cycle(tmp_path, **own)
    for ours, theirs in zip(whole, resumed, strict=True):
        for name, value in ours.state_dict().items():
            assert torch.equal(value, theirs.state_dict()[name])


def numbered(first: int, n: int) -> torch.Tensor:
    return torch.arange(first, first + n).float().view(-1, 1, 1, 1)


def test_a_full_pool_gives_old_images_half_the_time_and_loses_none() -> None:
    pool, rng = Pool(10), np.random.default_rng(0)
    assert torch.equal(pool.exchange(numbered(0, 10), rng), numbered(0, 10))
    given = torch.cat([pool.exchange(numbered(10 + i, 1), rng) for i in range(400)]).flatten()
    new = given == torch.arange(10, 410)
    assert 160 < int(new.sum()) < 240
    left = torch.stack(pool.images).flatten()
    # The first ten came out when they went in, and once more when they made way.
    assert sorted([*given.tolist(), *left.tolist()]) == list(range(410))


def test_a_pool_of_no_size_gives_what_it_is_given() -> None:
    images = numbered(0, 5)
    assert torch.equal(Pool(0).exchange(images, np.random.default_rng(0)), images)


def test_a_pool_goes_on_from_its_state() -> None:
    one, other = Pool(4), Pool(4)
    one.exchange(numbered(0, 6), np.random.default_rng(0))
    other.load_state_dict(one.state_dict())
    given = [pool.exchange(numbered(6, 8), np.random.default_rng(1)) for pool in (one, other)]
    assert torch.equal(*given)
