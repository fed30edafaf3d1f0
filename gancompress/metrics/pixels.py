"""Scores that compare images pixel by pixel: they need no extractor, and one pair is enough."""

from collections.abc import Callable, Sequence

from torch import Tensor

from gancompress.metrics.comparison import Named, file_remarks
from gancompress.metrics.paired import paired_values
from gancompress.metrics.provenance import Score, package_versions
from gancompress.metrics.similarity import ms_ssim, psnr, ssim

# All are better the higher they are.
PIXELS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "psnr": psnr,
    "ssim": ssim,
    "ms_ssim": ms_ssim,
}


def pixel_scores(evaluated: Named, reference: Named, metrics: Sequence[str]) -> list[Score]:
    """Scores of metrics in :data:`PIXELS`, image by image.

    Raises:
        MetricError: the images are no pairs, or too small for a metric.
    """
    found = []
    for metric in metrics:
        mean, error, equal = mean_over_pairs(evaluated, reference, PIXELS[metric])
        score = Score(
            metric=metric,
            value=mean,
            better="higher",
            error=error,
            samples=len(evaluated.source),
            generator=evaluated.name,
            generator_hash=evaluated.source.fingerprint,
            reference=reference.name,
            reference_hash=reference.source.fingerprint,
            reference_samples=len(reference.source),
            details={"equal_pairs": equal, **file_remarks(evaluated, reference)},
            versions=package_versions(),
        )
        found.append(score)
    return found


def mean_over_pairs(
    evaluated: Named, reference: Named, measure: Callable[[Tensor, Tensor], Tensor]
) -> tuple[float, float | None, int]:
    """Mean of ``measure`` over pairs, its standard error, and how many pairs are at infinity.

    Those (PSNR of equal images) are left out of the mean, unless there are no others.
    """
    values = paired_values(evaluated.source, reference.source, measure)
    finite = values[values.isfinite()]
    if len(finite) == 0:
        return float("inf"), None, len(values)
    error = float(finite.std() / len(finite) ** 0.5) if len(finite) > 1 else None
    return float(finite.mean()), error, len(values) - len(finite)
