"""Any metrics of a set of images in two passes, each score with its provenance."""

from collections.abc import Sequence

from gancompress.data.images import Images
from gancompress.metrics.by_name import MetricValue, find_metric
from gancompress.metrics.collect import Collected, collect, collect_reference
from gancompress.metrics.comparison import Comparison, Named, file_remarks
from gancompress.metrics.features import Extractor
from gancompress.metrics.frechet import FeatureStatistics
from gancompress.metrics.options import EvaluationOptions
from gancompress.metrics.provenance import Score, package_versions


def compare(
    evaluated: Named,
    reference: Named | tuple[str, FeatureStatistics],
    extractor: Extractor,
    metrics: Sequence[str],
    options: EvaluationOptions | None = None,
) -> Comparison:
    """Show each side to the extractor once, keeping what ``metrics`` need.

    Args:
        evaluated: the images and what made them.
        reference: real images, or (name, statistics) for metrics that need no more.
        extractor: the network.
        metrics: names, see :func:`~gancompress.metrics.by_name.find_metric`.
        options: seed of everything the metrics draw (the images have their own), batch size, cache.

    Raises:
        MetricError: an unknown metric, or images that it is not defined for.
    """
    chosen, how = [find_metric(name) for name in metrics], options or EvaluationOptions()
    size, progress = how.batch_size, how.progress
    keep = any(metric.keep_ours for metric in chosen)
    ours = collect(evaluated.source, extractor, batch_size=size, keep=keep, progress=progress)
    classes: tuple[str, ...] = ()
    if isinstance(reference, Named):
        source, classes = reference.source, reference.classes
        keep = any(metric.keep_theirs for metric in chosen)
        # What a generator makes depends on a seed, and is not worth keeping.
        cache = how.cache if isinstance(source, Images) else None
        theirs = collect_reference(
            source, extractor, batch_size=size, keep=keep, progress=progress, cache=cache
        )
    else:
        theirs = Collected(reference[1], None, None, None)
    return Comparison(
        evaluated=evaluated,
        reference=reference,
        ours=ours,
        theirs=theirs,
        extractor=extractor,
        classes=classes,
        seed=how.seed,
    )


def scores(comparison: Comparison, metrics: Sequence[str]) -> list[Score]:
    """The scores of ``metrics``, each with its provenance.

    Raises:
        MetricError: a metric is not defined for these images.
    """
    values = [value for name in metrics for value in find_metric(name)(comparison)]
    return [_score(value, comparison) for value in values]


def _score(value: MetricValue, comparison: Comparison) -> Score:
    extractor, evaluated, reference = (
        comparison.extractor,
        comparison.evaluated,
        comparison.reference,
    )
    if isinstance(reference, Named):
        label, digest = reference.name, reference.source.fingerprint
    else:
        label, digest = reference[0], reference[1].fingerprint
    return Score(
        metric=value.metric,
        value=value.value,
        better=value.better,
        error=value.error,
        samples=len(evaluated.source),
        generator=evaluated.name,
        generator_hash=evaluated.source.fingerprint,
        extractor=extractor.name,
        extractor_hash=extractor.fingerprint,
        resize=getattr(extractor, "resize", f"its own to {extractor.size}x{extractor.size}"),
        reference=label,
        reference_hash=digest,
        reference_samples=comparison.theirs.statistics.count,
        seed=comparison.seed,
        settings=value.settings,
        details={**value.details, **file_remarks(evaluated, reference)},
        versions=package_versions(),
    )
