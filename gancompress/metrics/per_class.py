"""Which classes does a generator do well: Fréchet distance and accuracy class by class."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gancompress.errors import MetricError
from gancompress.metrics.frechet import frechet_distance, statistics_of


@dataclass(frozen=True)
class ClassScore:
    """One class.

    Attributes:
        name: of the class.
        samples, reference_samples: images of it.
        frechet: distance between generated and real images of the class.
        accuracy: share in which the classifier sees the class; None without a classifier.
    """

    name: str
    samples: int
    reference_samples: int
    frechet: float
    accuracy: float | None


def class_scores(
    features: Tensor,
    labels: Tensor,
    reference: Tensor,
    reference_labels: Tensor,
    *,
    names: Sequence[str],
    right: Tensor | None = None,
) -> list[ClassScore]:
    """One row for each class; the mean of ``frechet`` is the class-conditional Fréchet distance.

    Args:
        features, labels: generated (N, D) and (N,).
        reference, reference_labels: real (M, D) and (M,).
        names: of the classes; a class without any image on either side is left out.
        right: (N,) bool, whether a classifier sees the requested class.

    Raises:
        MetricError: a class has fewer than two images on one side.
    """
    ours = torch.bincount(labels, minlength=len(names)).tolist()
    theirs = torch.bincount(reference_labels, minlength=len(names)).tolist()
    if max(len(ours), len(theirs)) > len(names):
        raise MetricError(
            f"labels reach {max(len(ours), len(theirs)) - 1}, but there are {len(names)} classes"
        )
    present = [label for label in range(len(names)) if ours[label] or theirs[label]]
    scarce = [names[label] for label in present if min(ours[label], theirs[label]) < 2]
    if scarce:
        raise MetricError(
            f"classes with fewer than two images, generated or real: {', '.join(scarce)}; "
            "a distance by class needs two of each"
        )
    return [
        ClassScore(
            name=names[label],
            samples=ours[label],
            reference_samples=theirs[label],
            frechet=frechet_distance(
                statistics_of(features[labels == label]),
                statistics_of(reference[reference_labels == label]),
            ),
            accuracy=None if right is None else float(right[labels == label].double().mean()),
        )
        for label in present
    ]


def class_table(scores: Sequence[ClassScore]) -> str:
    """The scores as aligned text, worst Fréchet distance first."""
    width = max(len("class"), *(len(score.name) for score in scores))
    lines = [f"{'class':<{width}}  {'images':>7}  {'real':>7}  {'fréchet':>9}  accuracy"]
    for score in sorted(scores, key=lambda score: -score.frechet):
        seen = "" if score.accuracy is None else f"{score.accuracy:8.1%}"
        lines.append(
            f"{score.name:<{width}}  {score.samples:>7,}  {score.reference_samples:>7,}  "
            f"{score.frechet:>9.3f}  {seen}".rstrip()
        )
    return "\n".join(lines)
