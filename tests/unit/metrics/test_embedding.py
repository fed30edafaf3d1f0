"""Maps of images: who lies beside whom."""

import itertools

import numpy as np
import pytest
import torch

from gancompress.errors import MetricError
from gancompress.metrics.embedding import assigned, balanced, map_images
from gancompress.metrics.sources import GeneratedImages
from tests.unit.metrics.networks import tiny


def _plain(level: int, count: int) -> GeneratedImages:
    """Images of one grey with a little noise."""

    def paint(indices: object) -> torch.Tensor:
        numbers = torch.tensor(list(indices))  # type: ignore[call-overload]
        rng = torch.Generator().manual_seed(level)
        noise = torch.randint(0, 20, (count, 3, 16, 16), generator=rng)
        return (noise[numbers] + level).to(torch.uint8)

    return GeneratedImages(paint, count, None, "")


def test_every_image_has_a_tile_of_its_own() -> None:
    found = map_images([_plain(20, 15), _plain(200, 12)], tiny(), count=15)
    tiles = np.concatenate(found.tiles)
    assert len(tiles) == 27 == len(set(tiles.tolist()))
    assert tiles.max() < found.rows * found.columns


def test_like_images_lie_together() -> None:
    found = map_images([_plain(20, 32), _plain(200, 32)], tiny(), count=32)
    kind = np.zeros(found.rows * found.columns)
    kind[found.tiles[1]] = 1
    grid = kind.reshape(found.rows, found.columns)
    borders = (grid[1:] != grid[:-1]).sum() + (grid[:, 1:] != grid[:, :-1]).sum()
    # Half of the 112 pairs of neighbours would differ by chance.
    assert borders < 28


def test_assignment_moves_least() -> None:
    places = np.random.default_rng(0).random((6, 2))
    found = assigned(places, 2, 3)
    grid = np.array([[x / 2, y] for y in range(2) for x in range(3)])
    inside = (places - places.min(0)) / (places.max(0) - places.min(0))

    def moved(tiles: object) -> float:
        return float(((inside - grid[list(tiles)]) ** 2).sum())  # type: ignore[call-overload]

    assert moved(found) == pytest.approx(min(map(moved, itertools.permutations(range(6)))))


def test_classes_have_equal_shares() -> None:
    labels = torch.tensor([0] * 50 + [1] * 5 + [2] * 10)
    chosen = labels[balanced(labels, 65, 15)]
    assert chosen.bincount().tolist() == [5, 5, 5]


def test_too_few_images_are_refused() -> None:
    with pytest.raises(MetricError, match="needs 10"):
        map_images([_plain(20, 9)], tiny(), count=15)
