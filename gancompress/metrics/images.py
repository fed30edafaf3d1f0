"""What happens to images before a network sees them: one rule for each step, none hidden.

Every metric reads 8-bit images, as a viewer of the saved files would; rounding to 8 bits is
therefore part of every score.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from gancompress.data.images import to_uint8
from gancompress.errors import MetricError

# ITU-R BT.601 luma, the weights that Pillow uses for "L".
_LUMA = (0.299, 0.587, 0.114)


def as_uint8(images: Tensor) -> Tensor:
    """Generator output as saved to a file, by :func:`gancompress.data.images.to_uint8`.

    Never stretched to the range of an image or a batch: a dull picture stays dull.

    Args:
        images: any shape; float in [-1, 1], values outside are clamped, or uint8, kept as it is.

    Raises:
        MetricError: a value is NaN or infinite, or the tensor holds other integers.
    """
    if images.dtype == torch.uint8:
        return images
    if not images.is_floating_point():
        raise MetricError(f"images are {images.dtype}; give uint8 or float in [-1, 1]")
    if not bool(torch.isfinite(images).all()):
        raise MetricError("images hold NaN or infinite values; the generator has diverged")
    return to_uint8(images)


def check_uint8(images: Tensor) -> None:
    """Refuse anything but a non-empty batch of 8-bit grey or RGB images (N, 1 or 3, H, W)."""
    if images.dtype != torch.uint8:
        raise MetricError(
            f"images are {images.dtype}; metrics take uint8 (metrics.images.as_uint8 converts "
            "float in [-1, 1])"
        )
    if images.dim() != 4 or images.shape[1] not in (1, 3):
        raise MetricError(
            f"images have shape {tuple(images.shape)}; expected (N, 1 or 3, H, W): "
            "drop the alpha channel or other extra channels first"
        )
    if images.numel() == 0:
        raise MetricError("there are no images in the batch")


def with_channels(images: Tensor, channels: int) -> Tensor:
    """Grey to RGB by repetition, RGB to grey by BT.601 luma; float, range kept.

    Args:
        images: (N, 1 or 3, H, W).
        channels: 1 or 3.
    """
    images = images.float()
    if images.shape[1] == channels:
        return images
    if channels == 3:
        return images.expand(-1, 3, -1, -1)
    weights = torch.tensor(_LUMA, device=images.device).view(1, 3, 1, 1)
    return (images * weights).sum(1, keepdim=True)


def resize(images: Tensor, size: int, *, antialias: bool) -> Tensor:
    """Bilinear to (size, size), not rounded back to 8 bits; images of that size pass untouched."""
    if images.shape[-2:] == (size, size):
        return images
    return F.interpolate(
        images, (size, size), mode="bilinear", align_corners=False, antialias=antialias
    )
