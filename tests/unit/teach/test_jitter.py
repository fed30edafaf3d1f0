"""Random parts of training images, alike for all that belongs to a sample."""

import numpy as np
import torch

from gancompress.teach.jitter import jittered


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def pictures(n: int = 32, size: int = 12) -> torch.Tensor:
    return torch.rand((n, 3, size, size), generator=torch.manual_seed(0)) * 2 - 1


def test_input_and_target_are_cut_and_mirrored_alike() -> None:
    images = pictures()
    changed = jittered({"image": images, "target": images}, 4, True, rng())
    assert torch.equal(changed["image"], changed["target"])
    assert changed["image"].shape == images.shape
    assert not torch.equal(changed["image"], images)


def test_every_sample_has_its_own_place() -> None:
    same = pictures(1).expand(32, -1, -1, -1)
    changed = jittered({"image": same}, 4, True, rng())["image"]
    # 5 · 5 places, mirrored or not.
    assert 10 < len(torch.unique(changed, dim=0)) <= 32


def test_half_of_the_samples_are_mirrored() -> None:
    images = pictures(200)
    changed = jittered({"image": images}, 0, True, rng())["image"]
    kept = (changed == images).flatten(1).all(1)
    mirrored = (changed == images.flip(-1)).flatten(1).all(1)
    assert bool((kept ^ mirrored).all())
    assert 70 < int(mirrored.sum()) < 130


def test_label_maps_keep_one_class_a_pixel() -> None:
    classes = torch.randint(0, 5, (8, 12, 12), generator=torch.manual_seed(0))
    maps = torch.nn.functional.one_hot(classes, 5).movedim(-1, 1).float()
    changed = jittered({"label_map": maps}, 4, True, rng(), exact=["label_map"])["label_map"]
    assert torch.equal(changed.sum(1), torch.ones(8, 12, 12))
    assert set(changed.flatten().tolist()) == {0.0, 1.0}


def test_without_jitter_and_flips_nothing_changes() -> None:
    images = pictures()
    assert torch.equal(jittered({"image": images}, 0, False, rng())["image"], images)
