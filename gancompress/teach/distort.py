"""Distorted photographs, from which a generator learns to give the photograph back.

A generator that makes the photograph out of crude variants of it makes a plausible picture out of
a composite, too (Hinz et al. 2021, sec. 4: harmonisation and editing).
"""

import numpy as np
import torch
from torch import Tensor

# Rec. 601, as used for sepia.
_GREY = (0.299, 0.587, 0.114)
_SEPIA = (1.07, 0.87, 0.65)

# How often the colours are changed, and how often something is covered.
RECOLOURED, COVERED = 0.25, 0.9

# Rectangles that are moved at once, and the largest side of one in the image's, by their number.
MOVED = {1: 0.5, 2: 0.3, 3: 0.2, 4: 0.15, 5: 0.15}


def distorted(image: Tensor, rng: np.random.Generator) -> Tensor:
    """``image`` (1, C, H, W) in [-1, 1] with strange objects in it and, at times, other colours.

    For harmonisation: an object of another style is something that does not belong there.
    """
    if rng.random() < RECOLOURED:
        image = _recoloured(image, rng)
    if rng.random() < COVERED:
        image = _covered(image, rng)
    return image


def rearranged(image: Tensor, rng: np.random.Generator) -> Tensor:
    """``image`` (1, C, H, W) with some of its parts copied a little away from where they were.

    For editing: an edited picture is the photograph with hard edges where parts were moved.
    """
    count = int(rng.integers(1, len(MOVED) + 1))
    moved = image.clone()
    for _ in range(count):
        (top, down, height), (left, right, width) = (
            _shifted(side, MOVED[count], rng) for side in image.shape[-2:]
        )
        part = image[..., top : top + height, left : left + width]
        moved[..., down : down + height, right : right + width] = part
    return moved


def _shifted(side: int, largest: float, rng: np.random.Generator) -> tuple[int, int, int]:
    """(from, to, length) of a stretch of a side that is moved by 5 to 15 % of it."""
    length = max(1, round(side * rng.uniform(0.4 * largest, largest)))
    start = int(rng.integers(0, side - length + 1))
    shift = round(side * rng.uniform(0.05, 0.15)) * int(rng.choice([-1, 1]))
    return start, min(max(start + shift, 0), side - length), length


def _recoloured(image: Tensor, rng: np.random.Generator) -> Tensor:
    choice = rng.choice(["noise", "inverted", "sepia", "dropped", "shuffled", "shifted"])
    channels = image.size(1)
    if choice == "noise":
        noise = rng.standard_normal(tuple(image.shape), dtype=np.float32)
        image = image + rng.uniform(0.05, 0.2) * torch.from_numpy(noise).to(image.device)
    elif choice == "inverted":
        image = -image
    elif choice == "sepia" and channels == len(_GREY):
        grey = ((image + 1) * image.new_tensor(_GREY).view(1, -1, 1, 1)).sum(1, keepdim=True)
        image = grey * image.new_tensor(_SEPIA).view(1, -1, 1, 1) - 1
    elif choice == "dropped":
        image = image.clone()
        image[:, int(rng.integers(channels))] = -1.0
    elif choice == "shuffled":
        image = image[:, rng.permutation(channels).tolist()]
    else:
        shift = rng.uniform(-0.2, 0.2, channels).astype(np.float32)
        image = image + torch.from_numpy(shift).to(image.device).view(1, -1, 1, 1)
    return image.clamp(-1.0, 1.0)


def _covered(image: Tensor, rng: np.random.Generator) -> Tensor:
    """One large or two small rectangles of one colour over it."""
    image = image.clone()
    count = int(rng.integers(1, 3))
    height, width = image.shape[-2:]
    side = min(height, width) / (2 * count)
    colour = rng.uniform(-1.0, 1.0, image.size(1)).astype(np.float32)
    for _ in range(count):
        tall, wide = (max(1, round(rng.uniform(side / 2, side))) for _ in range(2))
        top, left = int(rng.integers(0, height - tall + 1)), int(rng.integers(0, width - wide + 1))
        block = torch.from_numpy(colour).to(image.device).view(-1, 1, 1)
        image[..., top : top + tall, left : left + wide] = block
    return image
