"""Fidelity and diversity apart: precision and recall, density and coverage, on k-NN manifolds."""

from dataclasses import dataclass

import torch
from torch import Tensor

from gancompress.errors import MetricError


@dataclass(frozen=True)
class Manifold:
    """Where two sets of features meet.

    Attributes:
        precision: share of generated images inside the real manifold (Kynkäänniemi et al. 2019).
        recall: share of real images inside the generated manifold.
        density: real neighbourhoods around a generated image, over k (Naeem et al. 2020, eq. 5);
            may exceed one.
        coverage: share of real images with a generated one in their neighbourhood (eq. 6).
        neighbours: k.
    """

    precision: float
    recall: float
    density: float
    coverage: float
    neighbours: int


def manifold(
    features: Tensor, reference: Tensor, *, neighbours: int = 3, chunk: int = 2048
) -> Manifold:
    """Compare generated features (N, D) with real ones (M, D), in O(chunk · max(N, M)) memory.

    A neighbourhood reaches to the k-th nearest other image of the same set; its edge belongs to it.

    Raises:
        MetricError: a set has no more than k images, or dimensions differ.
    """
    if features.dim() != 2 or features.shape[1:] != reference.shape[1:]:
        raise MetricError(
            f"features {tuple(features.shape)} and {tuple(reference.shape)} do not fit together"
        )
    if neighbours < 1 or min(len(features), len(reference)) <= neighbours:
        raise MetricError(
            f"{neighbours} neighbours among {min(len(features), len(reference))} images; "
            "a set needs more images than neighbours"
        )
    real_radius = kth_distances(reference, neighbours, chunk)
    fake_radius = kth_distances(features, neighbours, chunk)
    inside_real = torch.zeros(len(features), dtype=torch.int64)
    recalled = covered = 0
    for start in range(0, len(reference), chunk):
        part = slice(start, start + chunk)
        distances = pairwise_distances(reference[part], features)
        within = distances <= real_radius[part, None]
        inside_real += within.sum(0)
        covered += int(within.any(1).sum())
        recalled += int((distances <= fake_radius[None, :]).any(1).sum())
    return Manifold(
        precision=float((inside_real > 0).double().mean()),
        recall=recalled / len(reference),
        density=float(inside_real.double().mean() / neighbours),
        coverage=covered / len(reference),
        neighbours=neighbours,
    )


def kth_distances(features: Tensor, k: int, chunk: int = 2048) -> Tensor:
    """Distance of each row to its k-th nearest other row; (N,) float64 on the CPU."""
    parts = []
    for start in range(0, len(features), chunk):
        distances = pairwise_distances(features[start : start + chunk], features)
        rows = torch.arange(len(distances))
        distances[rows, rows + start] = torch.inf
        parts.append(distances.kthvalue(k, dim=1).values)
    return torch.cat(parts)


def pairwise_distances(x: Tensor, y: Tensor) -> Tensor:
    """Euclidean distances (len(x), len(y)) in float64; equal rows are exactly zero apart."""
    x, y = x.double().cpu(), y.double().cpu()
    norms = (x**2).sum(1)[:, None] + (y**2).sum(1)[None, :]
    squares = torch.addmm(norms, x, y.t(), alpha=-2.0)
    # The difference of large squares leaves rounding where the rows are equal.
    squares[squares < 1e-13 * norms] = 0.0
    return squares.sqrt_()
