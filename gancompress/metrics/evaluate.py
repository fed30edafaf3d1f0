"""Every feature-space metric of a set of images in two passes, each score with its provenance."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from gancompress.data.images import Images
from gancompress.errors import MetricError
from gancompress.metrics.collapse import CollapseReport, collapse_report
from gancompress.metrics.collect import Collected, collect, collect_reference
from gancompress.metrics.conditional import conditional_accuracy
from gancompress.metrics.features import Extractor, NetworkExtractor
from gancompress.metrics.frechet import FeatureStatistics, frechet_distance
from gancompress.metrics.frechet_infinity import frechet_infinity
from gancompress.metrics.inception import frechet_name
from gancompress.metrics.inception_score import inception_score
from gancompress.metrics.kid import kernel_distance
from gancompress.metrics.material import Material, Named
from gancompress.metrics.memorisation import memorisation
from gancompress.metrics.per_class import ClassScore, class_scores
from gancompress.metrics.perceptual import perceptual_distance
from gancompress.metrics.pixels import PIXELS, mean_over_pairs
from gancompress.metrics.precision_recall import manifold
from gancompress.metrics.provenance import Score, package_versions

Better = Literal["lower", "higher"]


@dataclass(frozen=True)
class MetricValue:
    """One number before it is given its provenance."""

    metric: str
    value: float
    better: Better
    error: float | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)


def _frechet(material: Material) -> list[MetricValue]:
    distance = frechet_distance(material.ours.statistics, material.theirs.statistics)
    return [MetricValue(frechet_name(material.extractor), distance, "lower")]


def _frechet_infinity(material: Material) -> list[MetricValue]:
    if material.ours.features is None:
        raise MetricError("an extrapolation needs every feature")
    found = frechet_infinity(material.ours.features, material.theirs.statistics, seed=material.seed)
    settings = {"points": len(found.counts)}
    details = {"fit": found.fit, "slope": found.slope}
    name = f"{frechet_name(material.extractor)}_infinity"
    return [
        MetricValue(
            metric=name,
            value=found.value,
            better="lower",
            error=None,
            settings=settings,
            details=details,
        )
    ]


def _kid(material: Material) -> list[MetricValue]:
    found = kernel_distance(*material.features(), seed=material.seed)
    name = f"kid_{material.extractor.name}"
    settings = {"blocks": found.blocks}
    return [
        MetricValue(
            metric=name,
            value=found.value,
            better="lower",
            error=found.standard_error,
            settings=settings,
        )
    ]


def _inception_score(material: Material) -> list[MetricValue]:
    found = inception_score(material.logits(), seed=material.seed)
    name = f"is_{material.extractor.name}"
    return [
        MetricValue(
            metric=name,
            value=found.value,
            better="higher",
            error=found.deviation,
            settings={"splits": found.splits},
        )
    ]


def _manifold(material: Material) -> list[MetricValue]:
    found = manifold(*material.features())
    settings = {"neighbours": found.neighbours}
    return [
        MetricValue(f"{name}_{material.extractor.name}", value, "higher", settings=settings)
        for name, value in (
            ("precision", found.precision),
            ("recall", found.recall),
            ("density", found.density),
            ("coverage", found.coverage),
        )
    ]


def _accuracy(material: Material) -> list[MetricValue]:
    found = conditional_accuracy(material.logits(), material.requested())
    return [MetricValue(f"accuracy_{material.extractor.name}", found.overall, "higher")]


def by_class(material: Material) -> list[ClassScore]:
    """One row a class, with the accuracy where the extractor knows these classes."""
    ours, theirs = material.features()
    if material.theirs.labels is None:
        raise MetricError("the reference images have no labels; this metric is about classes")
    return class_scores(
        ours,
        material.labels(),
        theirs,
        material.theirs.labels,
        names=material.class_names(),
        right=material.right(),
    )


def _class_frechet(material: Material) -> list[MetricValue]:
    rows = by_class(material)
    mean = sum(row.frechet for row in rows) / len(rows)
    details = {row.name: row.frechet for row in rows}
    name = f"class_{frechet_name(material.extractor)}"
    return [MetricValue(name, mean, "lower", details=details)]


def collapse(material: Material) -> CollapseReport:
    """Signs of mode collapse."""
    return collapse_report(
        *material.features(),
        logits=material.ours.logits,
        reference_logits=material.theirs.logits,
        classes=getattr(material.extractor, "classes", None),
    )


def _collapse(material: Material) -> list[MetricValue]:
    found = collapse(material)
    name = material.extractor.name
    values = [
        MetricValue(f"duplicates_{name}", found.duplicates, "lower"),
        MetricValue(f"near_duplicates_{name}", found.near_duplicates, "lower"),
        MetricValue(f"diversity_{name}", found.diversity, "higher"),
    ]
    if found.missing is not None:
        missing = {"missing": list(found.missing)}
        values.append(
            MetricValue(f"missing_classes_{name}", len(found.missing), "lower", details=missing)
        )
    return values


def _memorisation(material: Material) -> list[MetricValue]:
    found = memorisation(*material.features())
    return [MetricValue(f"authenticity_{material.extractor.name}", found.authenticity, "higher")]


def _paired(
    judged: Named,
    reference: Named | tuple[str, FeatureStatistics],
    name: str,
    better: Better,
    measure: Callable[[Tensor, Tensor], Tensor],
) -> list[MetricValue]:
    """Mean over pairs, with its standard error; pairs at infinity (PSNR of equal images) apart."""
    if not isinstance(reference, Named):
        raise MetricError(f"{name} compares image by image; give the reference as images")
    mean, error, equal = mean_over_pairs(judged, reference, measure)
    return [MetricValue(name, mean, better, error, details={"equal_pairs": equal})]


def _perceptual(material: Material) -> list[MetricValue]:
    if not isinstance(material.extractor, NetworkExtractor):
        raise MetricError(f"extractor {material.extractor.name} shows no layers to compare")
    measure = partial(perceptual_distance, material.extractor)
    name = f"perceptual_{material.extractor.name}"
    return _paired(material.judged, material.reference, name, "lower", measure)


@dataclass(frozen=True)
class Metric:
    """How a metric is computed, and whether it needs each side's features one by one."""

    compute: Callable[[Material], list[MetricValue]]
    keep_ours: bool = True
    keep_theirs: bool = True


def _pixels(name: str) -> Callable[[Material], list[MetricValue]]:
    return lambda m: _paired(m.judged, m.reference, name, "higher", PIXELS[name])


METRICS: dict[str, Metric] = {
    "frechet": Metric(_frechet, keep_ours=False, keep_theirs=False),
    "frechet_infinity": Metric(_frechet_infinity, keep_theirs=False),
    "kid": Metric(_kid),
    "inception_score": Metric(_inception_score, keep_theirs=False),
    "manifold": Metric(_manifold),
    "accuracy": Metric(_accuracy, keep_theirs=False),
    "class_frechet": Metric(_class_frechet),
    "collapse": Metric(_collapse),
    "memorisation": Metric(_memorisation),
    **{name: Metric(_pixels(name), False, False) for name in PIXELS},
    "perceptual": Metric(_perceptual, False, False),
}


def look(
    judged: Named,
    reference: Named | tuple[str, FeatureStatistics],
    extractor: Extractor,
    metrics: Sequence[str],
    *,
    seed: int,
    classes: tuple[str, ...] = (),
    batch_size: int = 64,
    cache: Path | None = None,
    progress: bool = False,
) -> Material:
    """Show each side to the extractor once, keeping what ``metrics`` need.

    Args:
        judged: the images and what made them.
        reference: real images, or (name, statistics) for metrics that need no more.
        extractor: the network.
        metrics: names in :data:`METRICS`.
        seed: of everything the metrics draw (the images have their own).
        classes: names of the labels.
        batch_size: images at once.
        cache: folder for reference statistics.
        progress: show bars.

    Raises:
        MetricError: an unknown metric, or images that cannot be judged.
    """
    chosen = [_metric(name) for name in metrics]
    ours = collect(
        judged.source,
        extractor,
        batch_size=batch_size,
        keep=any(metric.keep_ours for metric in chosen),
        progress=progress,
    )
    if isinstance(reference, Named):
        theirs = collect_reference(
            reference.source,
            extractor,
            batch_size=batch_size,
            keep=any(metric.keep_theirs for metric in chosen),
            progress=progress,
            # What a generator paints depends on a seed, and is not worth keeping.
            cache=cache if isinstance(reference.source, Images) else None,
        )
    else:
        theirs = Collected(reference[1], None, None, None)
    return Material(
        judged=judged,
        reference=reference,
        ours=ours,
        theirs=theirs,
        extractor=extractor,
        classes=classes,
        seed=seed,
    )


def scores(material: Material, metrics: Sequence[str]) -> list[Score]:
    """The scores of ``metrics``, each with its provenance.

    Raises:
        MetricError: a metric is not defined for these images.
    """
    values = [value for name in metrics for value in _metric(name).compute(material)]
    return [_score(value, material) for value in values]


def _score(value: MetricValue, material: Material) -> Score:
    extractor, judged, reference = material.extractor, material.judged, material.reference
    if isinstance(reference, Named):
        label, digest = reference.name, reference.source.fingerprint
    else:
        label, digest = reference[0], reference[1].fingerprint
    return Score(
        metric=value.metric,
        value=value.value,
        better=value.better,
        error=value.error,
        samples=len(judged.source),
        generator=judged.name,
        generator_hash=judged.source.fingerprint,
        extractor=extractor.name,
        extractor_hash=extractor.fingerprint,
        resize=getattr(extractor, "resize", f"its own to {extractor.size}x{extractor.size}"),
        reference=label,
        reference_hash=digest,
        reference_samples=material.theirs.statistics.count,
        seed=material.seed,
        settings=value.settings,
        details=value.details,
        versions=package_versions(),
    )


def _metric(name: str) -> Metric:
    if name not in METRICS:
        raise MetricError(f"unknown metric {name!r}; there are {', '.join(METRICS)}")
    return METRICS[name]
