"""The loss terms of distillation: plain functions in literal tables, grouped by what they compare.

The adversarial losses are in :mod:`gancompress.training.losses`, for teachers train with them too.
"""

from collections.abc import Callable

from torch import Tensor

from gancompress.distillation.terms.features import (
    Maps,
    adapted_mse,
    channel_means,
    feature_matching,
    kernel_alignment,
    latent_directions,
    perceptual,
    style,
)
from gancompress.distillation.terms.output import (
    charbonnier,
    frequency,
    l1,
    l2,
    smooth_l1,
    total_variation,
)
from gancompress.distillation.terms.scores import kl, soft_bce
from gancompress.distillation.terms.structure import ms_ssim, ssim

# (student's output, teacher's output) -> loss.
OUTPUT: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "l1": l1,
    "l2": l2,
    "smooth_l1": smooth_l1,
    "charbonnier": charbonnier,
    "ssim": ssim,
    "ms_ssim": ms_ssim,
    "frequency": frequency,
}

# (student's output) -> loss.
PRIOR: dict[str, Callable[[Tensor], Tensor]] = {"total_variation": total_variation}

# (student's maps, teacher's maps) -> loss, without parameters of their own.
FEATURES: dict[str, Callable[[Maps, Maps], Tensor]] = {
    "perceptual": perceptual,
    "style": style,
    "kernel_alignment": kernel_alignment,
    "channel_means": channel_means,
}

# (student's logits, teacher's scores) -> loss.
SCORES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"soft_bce": soft_bce, "kl": kl}

__all__ = [
    "FEATURES",
    "OUTPUT",
    "PRIOR",
    "SCORES",
    "Maps",
    "adapted_mse",
    "channel_means",
    "charbonnier",
    "feature_matching",
    "frequency",
    "kernel_alignment",
    "kl",
    "l1",
    "l2",
    "latent_directions",
    "ms_ssim",
    "perceptual",
    "smooth_l1",
    "soft_bce",
    "ssim",
    "style",
    "total_variation",
]
