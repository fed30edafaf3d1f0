"""Differentiable augmentation of real and generated images alike (Zhao et al. 2020)."""

import torch
import torch.nn.functional as F
from torch import Tensor


def translate(images: Tensor, share: float = 0.125) -> Tensor:
    """Shift every image by up to ``share`` of its size in both directions, filling with black.

    Applied to what the discriminator sees, it keeps a small data set from being memorised; the
    generator does not learn the shifts since gradients pass through them.

    Args:
        images: float (N, C, H, W) in [-1, 1].
        share: largest shift as a share of height and width, rounded to whole pixels.
    """
    n, _, height, width = images.shape
    reach_y, reach_x = round(height * share), round(width * share)
    padded = F.pad(images, (reach_x, reach_x, reach_y, reach_y), value=-1.0)
    top = torch.randint(0, 2 * reach_y + 1, (n, 1), device=images.device)
    left = torch.randint(0, 2 * reach_x + 1, (n, 1), device=images.device)
    rows = (top + torch.arange(height, device=images.device))[:, :, None]
    columns = (left + torch.arange(width, device=images.device))[:, None, :]
    samples = torch.arange(n, device=images.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[samples, rows, columns].permute(0, 3, 1, 2)
