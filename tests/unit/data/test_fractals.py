"""Images of iterated function systems."""

import torch

from gancompress.data.fractals import fractal_images


def test_images_have_the_asked_shape_and_structure() -> None:
    images = fractal_images(6, 32, 3, seed=0)
    assert images.shape == (6, 3, 32, 32) and images.dtype == torch.uint8
    # Neither flat nor noise: neighbours differ, but less than pixels far from each other.
    pixels = images.float()
    near = (pixels[..., 1:] - pixels[..., :-1]).abs().mean()
    far = (pixels - pixels.flip(-1)).abs().mean()
    assert pixels.std() > 5 and near < far


def test_image_does_not_depend_on_how_many_are_made() -> None:
    assert torch.equal(fractal_images(5, 16, 1, seed=3)[2], fractal_images(3, 16, 1, seed=3)[2])


def test_images_and_seeds_differ() -> None:
    images = fractal_images(3, 16, 1, seed=0)
    assert not torch.equal(images[0], images[1])
    assert not torch.equal(images, fractal_images(3, 16, 1, seed=1))
