"""How like one photograph images are, and how unlike each other: figures for single-image GANs."""

import torch
import torch.nn.functional as F
from torch import Tensor

from gancompress.errors import MetricError
from gancompress.metrics.frechet import frechet_distance, statistics_of

# Side of a patch in pixels: fine texture, and few enough values for the patches of one photograph.
PATCH = 7


def patch_distance(images: Tensor, photograph: Tensor) -> float:
    """Fréchet distance between the 7×7 patches of images and those of one photograph.

    The idea of SIFID (Shaham et al. 2019, sec. 4.2) on pixels in 0…1 instead of the features of
    Inception: it sees colours and fine texture and nothing of the objects, and its numbers compare
    with its own only.

    Args:
        images: uint8 (N, C, H, W), of any size; the distance is that of all their patches together.
        photograph: uint8 (1, C, H, W), at the scale of the images.
    """
    return frechet_distance(statistics_of(_patches(images)), statistics_of(_patches(photograph)))


def diversity(images: Tensor, photograph: Tensor) -> float:
    """Deviation of a pixel over the images, in the deviation over the photograph's pixels.

    Shaham et al. 2019, sec. 4.1, on grey levels: 0 where all images are the same one.

    Args:
        images: uint8 (N, C, H, W), N ≥ 2.
        photograph: uint8 (1, C, H, W).
    """
    if len(images) < 2:
        raise MetricError("diversity: one image; give several")
    over_images = images.double().mean(1).std(0).mean()
    return float(over_images / photograph.double().mean(1).std())


def _patches(images: Tensor) -> Tensor:
    """(patches, C · PATCH²) in 0…1."""
    if images.dtype != torch.uint8 or images.dim() != 4 or min(images.shape[-2:]) < PATCH:
        raise MetricError(
            f"images are {images.dtype} {tuple(images.shape)}; give uint8 (N, C, H, W) of at least "
            f"{PATCH}×{PATCH} pixels"
        )
    columns = F.unfold(images.double() / 255.0, PATCH)
    return columns.transpose(1, 2).flatten(0, 1)
