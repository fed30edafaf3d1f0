"""Distorted photographs."""

import numpy as np
import pytest
import torch

from gancompress.teach.distort import distorted, rearranged
from gancompress.teach.single_image import Feed

IMAGE = torch.linspace(-1, 1, 3 * 20 * 30).view(1, 3, 20, 30)


@pytest.mark.parametrize("distort", [distorted, rearranged])
def test_photographs_are_changed_but_stay_photographs(distort: Feed) -> None:
    images = [distort(IMAGE, np.random.default_rng(seed)) for seed in range(60)]
    changed = [not torch.equal(image, IMAGE) for image in images]
    assert sum(changed) > 45
    assert all(image.shape == IMAGE.shape and image.abs().max() <= 1.0 for image in images)
    again = distort(IMAGE, np.random.default_rng(3))
    assert torch.equal(again, images[3])


def test_what_is_rearranged_was_there_before() -> None:
    before = set(IMAGE.unique().tolist())
    for seed in range(20):
        assert set(rearranged(IMAGE, np.random.default_rng(seed)).unique().tolist()) <= before


def test_most_of_a_distorted_photograph_is_still_seen() -> None:
    shares = []
    for seed in range(60):
        image = distorted(IMAGE, np.random.default_rng(seed))
        shares.append(float((image == IMAGE).all(1).float().mean()))
    # A quarter is recoloured as a whole; of the others a rectangle or two is covered.
    assert 0.5 < sum(share > 0.5 for share in shares) / len(shares) < 0.9
