"""Has the generator collapsed: the same picture again and again, classes that never come?"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gancompress.errors import MetricError
from gancompress.metrics.precision_recall import kth_distances

# A copy lies nearer than this share of the median distance between neighbouring real images.
NEAR = 0.1


@dataclass(frozen=True)
class CollapseReport:
    """Signs of mode collapse; a healthy generator has shares near zero and diversity near one.

    Attributes:
        duplicates: share of images whose features equal another's exactly.
        near_duplicates: share with another image nearer than :data:`NEAR` times the median distance
            of a real image to its nearest real neighbour.
        diversity: mean squared distance of generated images to their mean, over that of real ones.
        class_diversity: the same within each class that the classifier sees, by class name; None
            without logits.
        missing: classes the classifier sees in real images, but in fewer than a tenth of their
            share in generated ones; None without logits.
    """

    duplicates: float
    near_duplicates: float
    diversity: float
    class_diversity: dict[str, float] | None
    missing: tuple[str, ...] | None

    def line(self) -> str:
        """The report in one line."""
        parts = [
            f"{self.duplicates:.1%} duplicates",
            f"{self.near_duplicates:.1%} near-duplicates",
            f"diversity {self.diversity:.2f} of real",
        ]
        if self.missing is not None:
            parts.append(f"missing classes: {', '.join(self.missing) or 'none'}")
        if self.class_diversity:
            worst = min(self.class_diversity, key=self.class_diversity.__getitem__)
            parts.append(f"least diverse class {worst} ({self.class_diversity[worst]:.2f} of real)")
        return "; ".join(parts)


def collapse_report(
    features: Tensor,
    reference: Tensor,
    *,
    logits: Tensor | None = None,
    reference_logits: Tensor | None = None,
    classes: Sequence[str] | None = None,
) -> CollapseReport:
    """Look for collapse in generated features (N, D), against real ones (M, D).

    Args:
        features, reference: at least two each.
        logits, reference_logits: (N, K) and (M, K) of a classifier.
        classes: names of the logits; numbers where there are none.
    """
    if min(len(features), len(reference)) < 2:
        raise MetricError("a collapse report needs at least two images on each side")
    nearest = kth_distances(features, 1)
    typical = float(kth_distances(reference, 1).median())
    by_class = missing = None
    if logits is not None and reference_logits is not None:
        seen, expected = logits.argmax(1), reference_logits.argmax(1)
        names = classes or [str(number) for number in range(logits.shape[1])]
        missing = _missing(seen, expected, names)
        by_class = class_diversity(features, seen, reference, expected, names)
    return CollapseReport(
        duplicates=float((nearest == 0).double().mean()),
        near_duplicates=float((nearest <= NEAR * typical).double().mean()),
        diversity=diversity(features, reference),
        class_diversity=by_class,
        missing=missing,
    )


def diversity(features: Tensor, reference: Tensor) -> float:
    """Mean squared distance of features (N, D) to their mean, over that of reference (M, D)."""
    return _spread(features) / _spread(reference)


def class_diversity(
    features: Tensor,
    labels: Tensor,
    reference: Tensor,
    reference_labels: Tensor,
    classes: Sequence[str],
    *,
    least: int = 2,
) -> dict[str, float]:
    """:func:`diversity` within each class, by name.

    Args:
        features, reference: (N, D) and (M, D).
        labels, reference_labels: their classes, (N,) and (M,).
        classes: names.
        least: a class with fewer images on either side is left out.
    """
    found = {}
    for label, name in enumerate(classes):
        ours, theirs = features[labels == label], reference[reference_labels == label]
        if min(len(ours), len(theirs)) >= least:
            found[name] = diversity(ours, theirs)
    return found


def _missing(seen: Tensor, expected: Tensor, names: Sequence[str]) -> tuple[str, ...]:
    share = torch.bincount(seen, minlength=len(names)).double() / len(seen)
    due = torch.bincount(expected, minlength=len(names)).double() / len(expected)
    return tuple(
        name
        for name, have, want in zip(names, share.tolist(), due.tolist(), strict=True)
        if have < 0.1 * want
    )


def _spread(features: Tensor) -> float:
    """Mean squared distance to the mean; a constant real set counts as the smallest positive."""
    values = features.double()
    return max(float((values - values.mean(0)).square().sum(1).mean()), 1e-300)
