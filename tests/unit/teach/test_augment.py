"""Differentiable translation."""

import torch

from gancompress.teach.augment import translate


def test_images_are_shifted_by_at_most_the_share_and_filled_with_black() -> None:
    torch.manual_seed(0)
    images = torch.full((64, 1, 16, 16), -1.0)
    images[:, :, 8, 8] = 1.0
    bright = (translate(images, 0.125) == 1.0).nonzero()
    offsets = bright[:, 2:] - 8
    assert len(bright) == 64
    assert offsets.abs().max() == 2
    assert len({tuple(offset) for offset in offsets.tolist()}) > 5


def test_gradients_go_back_through_the_shift() -> None:
    torch.manual_seed(0)
    images = torch.randn(8, 3, 8, 8, requires_grad=True)
    shifted = translate(images)
    shifted.sum().backward()
    assert images.grad is not None
    # Each pixel is passed on once, or was shifted out.
    assert set(images.grad.unique().tolist()) <= {0.0, 1.0}
