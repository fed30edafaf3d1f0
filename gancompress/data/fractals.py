"""Images of iterated function systems: structure at every scale, from no data at all.

Some contracting affine maps, chosen at random again and again, draw an attractor (Barnsley 1988,
"Fractals Everywhere", chapter 3). Networks have been trained on such images in place of photographs
(Kataoka et al. 2020, "Pre-training without Natural Images"); here they calibrate quantisers.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gancompress.batch import sample_generator

# Points that move at once, and moves of each; the first moves only lead to the attractor.
POINTS, MOVES, LEAD = 2000, 40, 10


def fractal_images(count: int, size: int, channels: int, seed: int) -> Tensor:
    """Images of random iterated function systems; image *i* is the same whatever the count.

    Args:
        count: images.
        size: height and width in pixels.
        channels: 1 or 3.
        seed: of the systems and their colours.

    Returns:
        uint8 (count, channels, size, size).
    """
    images = [_image(sample_generator(seed, i), size, channels) for i in range(count)]
    return torch.from_numpy(np.stack(images))


def _image(rng: np.random.Generator, size: int, channels: int) -> npt.NDArray[np.uint8]:
    density = _density(_points(rng), size)
    # A bright colour on a dark ground, or the other way about.
    ground, ink = rng.uniform(0, 255, (2, channels, 1, 1))
    pixels: npt.NDArray[np.uint8] = (ground + (ink - ground) * density[None]).round().astype("u1")
    return pixels


def _points(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Points of the attractor of two to four maps, (n, 2)."""
    maps = int(rng.integers(2, 5))
    # Rotations around two scalings below 1: every map contracts, so there is an attractor.
    first, second = rng.uniform(0, 2 * np.pi, (2, maps))
    scales = rng.uniform(0.3, 0.85, (maps, 2)) * rng.choice([-1.0, 1.0], (maps, 2))
    matrices = _rotation(first) @ (scales[:, :, None] * _rotation(second))
    shifts = rng.uniform(-1, 1, (maps, 2))
    points, seen = np.zeros((POINTS, 2)), []
    for move in range(MOVES):
        chosen = rng.integers(0, maps, POINTS)
        points = (matrices[chosen] @ points[:, :, None])[:, :, 0] + shifts[chosen]
        if move >= LEAD:
            seen.append(points)
    return np.concatenate(seen)


def _rotation(angles: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    cosine, sine = np.cos(angles), np.sin(angles)
    return np.stack([np.stack([cosine, -sine], -1), np.stack([sine, cosine], -1)], -2)


def _density(points: npt.NDArray[np.float64], size: int) -> npt.NDArray[np.float64]:
    """How many points fall on each pixel, from 0 to 1 on a logarithmic scale."""
    low, high = points.min(0), points.max(0)
    span = np.maximum(high - low, 1e-6)
    places = ((points - low) / span * (size - 1)).round().astype(np.int64)
    counts = np.zeros((size, size))
    np.add.at(counts, (places[:, 1], places[:, 0]), 1)
    logs = np.log1p(counts)
    filled: npt.NDArray[np.float64] = logs / max(float(logs.max()), 1e-6)
    return filled
