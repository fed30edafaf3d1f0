"""Differentiable augmentation of real and generated images alike (Zhao et al. 2020, DiffAugment).

Applied to all that the discriminator sees, it keeps a small data set from being memorised; the
generator does not learn the changes since gradients pass through them. How often they are applied
may follow the discriminator (Karras et al. 2020, adaptive discriminator augmentation).
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from gancompress.training.processes import mean_over_processes, own_rows

# Images in which the probability goes all the way from 0 to 1 (Karras et al. 2020, sec. 3.2), and
# batches between two adjustments.
ADAPTATION = 500_000
ADJUST_EVERY = 4


def translate(images: Tensor, share: float = 0.125) -> Tensor:
    """Shift every image by up to ``share`` of its size in both directions, filling with black.

    Args:
        images: float (N, C, H, W) in [-1, 1].
        share: largest shift as a share of height and width, rounded to whole pixels.
    """
    n, _, height, width = images.shape
    reach_y, reach_x = round(height * share), round(width * share)
    padded = F.pad(images, (reach_x, reach_x, reach_y, reach_y), value=-1.0)
    top = _whole(2 * reach_y + 1, images)
    left = _whole(2 * reach_x + 1, images)
    rows = (top + torch.arange(height, device=images.device))[:, :, None]
    columns = (left + torch.arange(width, device=images.device))[:, None, :]
    samples = torch.arange(n, device=images.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[samples, rows, columns].permute(0, 3, 1, 2)


def recolor(images: Tensor) -> Tensor:
    """Change brightness by up to ±½, saturation by 0…2 and contrast by ½…1½ of every image.

    Args:
        images: float (N, C, H, W) in [-1, 1]; the result may leave the range.
    """
    images = images + _uniform(images) - 0.5
    grey = images.mean(dim=1, keepdim=True)
    images = grey + (images - grey) * 2.0 * _uniform(images)
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return mean + (images - mean) * (0.5 + _uniform(images))


def cut_out(images: Tensor, share: float = 0.5) -> Tensor:
    """Grey out one rectangle of ``share`` of height and width in every image.

    Args:
        images: float (N, C, H, W) in [-1, 1].
        share: the rectangle's; it may reach over the border.
    """
    size_y, size_x = (round(side * share) for side in images.shape[-2:])
    rows = _inside(size_y, images.shape[-2], images)[:, None, :, None]
    columns = _inside(size_x, images.shape[-1], images)[:, None, None, :]
    return images.masked_fill(rows & columns, 0.0)


CHANGES: dict[str, Callable[[Tensor], Tensor]] = {
    "translation": translate,
    "color": recolor,
    "cutout": cut_out,
}


class Augment:
    """What is done to images before the discriminator sees them.

    Args:
        names: keys of :data:`CHANGES`, applied in this order; empty for images as they are.
        target: mean sign of the logits on real images that the probability of each change is
            adjusted to (r_t, eq. 1); 0 applies every change always.
        adaptation: images in which the probability goes from 0 to 1 at most.

    Attributes:
        probability: with which each change is applied to an image.
    """

    def __init__(self, names: Sequence[str], target: float, adaptation: float = ADAPTATION) -> None:
        self._changes = [CHANGES[name] for name in names]
        self._target, self._adaptation = target, adaptation
        self.probability = 0.0 if target else 1.0
        self._signs: Tensor | float = 0.0
        self._images, self._batches = 0, 0

    def __call__(self, images: Tensor) -> Tensor:
        """Float images (N, C, H, W), changed; gradients pass through."""
        for change in self._changes:
            if not self._target:
                images = change(images)
            elif self.probability > 0:
                chosen = _uniform(images) < self.probability
                images = torch.where(chosen, change(images), images)
        return images

    @property
    def adapts(self) -> bool:
        """Whether the probability follows what is observed."""
        return self._target > 0

    def observe(self, sign: Tensor, images: int) -> None:
        """Take note of the mean sign of the logits of a batch of real images, a scalar."""
        if not self.adapts:
            return
        self._signs = self._signs + sign.detach().float()
        self._images += images
        self._batches += 1
        if self._batches == ADJUST_EVERY:
            seen = float(mean_over_processes(torch.as_tensor(self._signs))) / self._batches
            direction = (seen > self._target) - (seen < self._target)
            moved = self.probability + direction * self._images / self._adaptation
            self.probability = min(max(moved, 0.0), 1.0)
            self._signs, self._images, self._batches = 0.0, 0, 0

    def state_dict(self) -> dict[str, Any]:
        return {
            "probability": self.probability,
            "signs": float(self._signs),
            "images": self._images,
            "batches": self._batches,
        }

    def load_state_dict(self, state_dict: dict[str, Any], /) -> None:
        self.probability, self._signs = state_dict["probability"], state_dict["signs"]
        self._images, self._batches = state_dict["images"], state_dict["batches"]


def _uniform(images: Tensor) -> Tensor:
    """One number in [0, 1) an image, shape (N, 1, 1, 1)."""
    return own_rows(lambda n: torch.rand(n, 1, 1, 1, device=images.device), len(images))


def _whole(below: int, images: Tensor) -> Tensor:
    """One whole number in 0…below-1 an image, shape (N, 1)."""
    return own_rows(lambda n: torch.randint(0, below, (n, 1), device=images.device), len(images))


def _inside(size: int, side: int, images: Tensor) -> Tensor:
    """Which of ``side`` places lie in a stretch of ``size`` somewhere, (N, side) of bool."""
    start = _whole(side + 1 - size % 2, images) - size // 2
    places = torch.arange(side, device=images.device)
    return (places >= start) & (places < start + size)
