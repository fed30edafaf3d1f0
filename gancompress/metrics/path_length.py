"""Perceptual path length (Karras et al. 2019, eq. 2 and 3): is the latent space smooth?"""

from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor

from gancompress.errors import MetricError
from gancompress.options import check_number

Path = Literal["sphere", "line"]

# Pairs of latents at once.
BATCH = 16


def path_length(
    generate: Callable[[Tensor], Tensor],
    starts: Tensor,
    ends: Tensor,
    distance: Callable[[Tensor, Tensor], Tensor],
    *,
    path: Path,
    epsilon: float = 1e-4,
    trim: bool = False,
) -> Tensor:
    """Perceptual distance per squared step along random latent paths, for each pair of latents.

    The places on the paths are the same in every call.

    Args:
        generate: latents (n, D) → images (n, C, H, W), float in [-1, 1], not rounded.
        starts: (N, D) where the paths begin.
        ends: (N, D) where they end.
        distance: of two batches of images, (n,); e.g. ``partial(perceptual_distance, extractor)``.
        path: ``sphere`` for normal latents (Z), ``line`` for mapped ones (W).
        epsilon: step along the path, whose length is one.
        trim: leave out what is below the 1st or above the 99th percentile; the mean of the rest is
            what the literature reports.

    Returns:
        (N,) float64, or less where trimmed.

    Raises:
        OptionError: the step is too small.
        MetricError: the ends are not of one shape (N, D), or there is no such path.
    """
    check_number(epsilon, "path_length: epsilon", 1e-12)
    if path not in get_args(Path):
        raise MetricError(f"path_length: path {path!r} is none of {', '.join(get_args(Path))}")
    if starts.shape != ends.shape or starts.dim() != 2 or len(starts) == 0:
        raise MetricError(
            f"latents {tuple(starts.shape)} and {tuple(ends.shape)}; give equal (N, D)"
        )
    between = _on_sphere if path == "sphere" else torch.lerp
    places = torch.rand(len(starts), 1, generator=torch.Generator().manual_seed(0))
    places = places.to(starts.device, starts.dtype)
    lengths = []
    with torch.inference_mode():
        for a, b, t in zip(
            *(torch.split(values, BATCH) for values in (starts, ends, places)), strict=True
        ):
            here, there = generate(between(a, b, t)), generate(between(a, b, t + epsilon))
            lengths.append(distance(here, there).double().cpu() / epsilon**2)
    found = torch.cat(lengths)
    return _trimmed(found) if trim else found


def _trimmed(lengths: Tensor) -> Tensor:
    low, high = torch.quantile(lengths.double(), torch.tensor([0.01, 0.99], dtype=torch.float64))
    return lengths[(lengths >= low) & (lengths <= high)]


def _on_sphere(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """Along the great circle between the directions of ``a`` and ``b``, on the unit sphere."""
    a, b = (value / value.norm(dim=1, keepdim=True) for value in (a, b))
    cosine = (a * b).sum(1, keepdim=True).clamp(-1.0, 1.0)
    across = b - cosine * a
    across = across / across.norm(dim=1, keepdim=True).clamp_min(1e-12)
    angle = t * cosine.acos()
    turned: Tensor = a * angle.cos() + across * angle.sin()
    return turned
