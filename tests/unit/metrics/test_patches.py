"""Figures for generators of one photograph."""

import pytest
import torch

from gancompress.errors import MetricError
from gancompress.metrics.patches import diversity, patch_distance


def noise(seed: int, low: int = 0, high: int = 256, n: int = 1, size: int = 40) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(low, high, (n, 3, size, size), dtype=torch.uint8, generator=generator)


def test_a_photograph_has_no_distance_to_itself_and_little_to_its_mirror_image() -> None:
    photograph = noise(0)
    assert patch_distance(photograph, photograph) == pytest.approx(0.0, abs=1e-6)
    mirrored, darker = photograph.flip(-1), noise(1, high=128)
    assert patch_distance(mirrored, photograph) < 0.5 * patch_distance(darker, photograph)


def test_distance_is_that_of_the_means_where_patches_differ_in_brightness_only() -> None:
    dark = noise(0, high=128)
    # Every one of the 7 · 7 · 3 values is 51 / 255 brighter.
    assert patch_distance(dark + 51, dark) == pytest.approx(147 * 0.2**2, rel=1e-6)


def test_diversity_is_the_deviation_over_images_in_that_of_the_photograph() -> None:
    photograph = noise(0)
    assert diversity(photograph.expand(4, -1, -1, -1), photograph) == 0.0
    # Images as independent as the photograph's own pixels.
    assert diversity(noise(1, n=64), photograph) == pytest.approx(1.0, abs=0.05)


def test_what_has_no_patches_or_no_company_is_refused() -> None:
    with pytest.raises(MetricError, match="at least 7×7"):
        patch_distance(noise(0, size=6), noise(0))
    with pytest.raises(MetricError, match="one image"):
        diversity(noise(0), noise(0))
