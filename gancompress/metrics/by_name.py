"""Every metric by its name: what it needs of both sides, and how it is computed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from torch import Tensor

from gancompress.errors import MetricError
from gancompress.metrics.collapse import CollapseReport, collapse_report
from gancompress.metrics.comparison import Comparison, Named
from gancompress.metrics.conditional import conditional_accuracy
from gancompress.metrics.features import NetworkExtractor
from gancompress.metrics.frechet import FeatureStatistics, frechet_distance
from gancompress.metrics.frechet_infinity import frechet_infinity
from gancompress.metrics.inception import frechet_name
from gancompress.metrics.inception_score import inception_score
from gancompress.metrics.kid import kernel_distance
from gancompress.metrics.memorisation import memorisation
from gancompress.metrics.per_class import ClassScore, class_scores
from gancompress.metrics.perceptual import perceptual_distance
from gancompress.metrics.pixels import PIXELS, mean_over_pairs
from gancompress.metrics.precision_recall import manifold
from gancompress.resolve import installed, resolve

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


def _frechet(comparison: Comparison) -> list[MetricValue]:
    distance = frechet_distance(comparison.ours.statistics, comparison.theirs.statistics)
    return [MetricValue(frechet_name(comparison.extractor), distance, "lower")]


def _frechet_infinity(comparison: Comparison) -> list[MetricValue]:
    if comparison.ours.features is None:
        raise MetricError("an extrapolation needs every feature")
    found = frechet_infinity(
        comparison.ours.features, comparison.theirs.statistics, seed=comparison.seed
    )
    settings = {"points": len(found.counts)}
    details = {"fit": found.fit, "slope": found.slope}
    name = f"{frechet_name(comparison.extractor)}_infinity"
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


def _kid(comparison: Comparison) -> list[MetricValue]:
    found = kernel_distance(*comparison.features(), seed=comparison.seed)
    name = f"kid_{comparison.extractor.name}"
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


def _inception_score(comparison: Comparison) -> list[MetricValue]:
    found = inception_score(comparison.logits(), seed=comparison.seed)
    name = f"is_{comparison.extractor.name}"
    return [
        MetricValue(
            metric=name,
            value=found.value,
            better="higher",
            error=found.deviation,
            settings={"splits": found.splits},
        )
    ]


def _manifold(comparison: Comparison) -> list[MetricValue]:
    found = manifold(*comparison.features())
    settings = {"neighbours": found.neighbours}
    return [
        MetricValue(f"{name}_{comparison.extractor.name}", value, "higher", settings=settings)
        for name, value in (
            ("precision", found.precision),
            ("recall", found.recall),
            ("density", found.density),
            ("coverage", found.coverage),
        )
    ]


def _accuracy(comparison: Comparison) -> list[MetricValue]:
    found = conditional_accuracy(comparison.logits(), comparison.requested())
    return [MetricValue(f"accuracy_{comparison.extractor.name}", found.overall, "higher")]


def by_class(comparison: Comparison) -> list[ClassScore]:
    """One row a class, with the accuracy where the extractor knows these classes."""
    ours, theirs = comparison.features()
    if comparison.theirs.labels is None:
        raise MetricError("the reference images have no labels; this metric is about classes")
    return class_scores(
        ours,
        comparison.labels(),
        theirs,
        comparison.theirs.labels,
        names=comparison.class_names(),
        right=comparison.right(),
    )


def _class_frechet(comparison: Comparison) -> list[MetricValue]:
    rows = by_class(comparison)
    mean = sum(row.frechet for row in rows) / len(rows)
    details = {row.name: row.frechet for row in rows}
    name = f"class_{frechet_name(comparison.extractor)}"
    return [MetricValue(name, mean, "lower", details=details)]


def collapse(comparison: Comparison) -> CollapseReport:
    """Signs of mode collapse."""
    return collapse_report(
        *comparison.features(),
        logits=comparison.ours.logits,
        reference_logits=comparison.theirs.logits,
        classes=getattr(comparison.extractor, "classes", None),
    )


def _collapse(comparison: Comparison) -> list[MetricValue]:
    found = collapse(comparison)
    name = comparison.extractor.name
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


def _memorisation(comparison: Comparison) -> list[MetricValue]:
    found = memorisation(*comparison.features())
    return [MetricValue(f"authenticity_{comparison.extractor.name}", found.authenticity, "higher")]


def _paired(
    evaluated: Named,
    reference: Named | tuple[str, FeatureStatistics],
    name: str,
    better: Better,
    measure: Callable[[Tensor, Tensor], Tensor],
) -> list[MetricValue]:
    """Mean over pairs, with its standard error; pairs at infinity (PSNR of equal images) apart."""
    if not isinstance(reference, Named):
        raise MetricError(f"{name} compares image by image; give the reference as images")
    mean, error, equal = mean_over_pairs(evaluated, reference, measure)
    return [MetricValue(name, mean, better, error, details={"equal_pairs": equal})]


def _perceptual(comparison: Comparison) -> list[MetricValue]:
    if not isinstance(comparison.extractor, NetworkExtractor):
        raise MetricError(f"extractor {comparison.extractor.name} shows no layers to compare")
    measure = partial(perceptual_distance, comparison.extractor)
    name = f"perceptual_{comparison.extractor.name}"
    return _paired(comparison.evaluated, comparison.reference, name, "lower", measure)


@dataclass(frozen=True)
class Metric:
    """How a metric is computed, and whether it needs each side's features one by one.

    It is callable, so that it can be named as ``module:attr``.
    """

    compute: Callable[[Comparison], list[MetricValue]]
    keep_ours: bool = True
    keep_theirs: bool = True

    def __call__(self, comparison: Comparison) -> list[MetricValue]:
        """The values for what is compared."""
        return self.compute(comparison)


def _pixels(name: str) -> Callable[[Comparison], list[MetricValue]]:
    return lambda m: _paired(m.evaluated, m.reference, name, "higher", PIXELS[name])


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

# The group of entry points by which packages add metrics.
GROUP = "gancompress.metrics"


def find_metric(name: str) -> Metric:
    """The metric of a name: one of :data:`METRICS`, of a package, or at ``module:attr``.

    Raises:
        MetricError: there is none.
    """
    if name in METRICS:
        return METRICS[name]
    added = installed(GROUP)
    if name in added or ":" in name:
        found = added[name].load() if name in added else resolve(name, noun="metric")
        if isinstance(found, Metric):
            return found
        raise MetricError(f"metric {name}: is {type(found).__name__}, not a Metric")
    raise MetricError(f"unknown metric {name!r}; there are {', '.join([*METRICS, *added])}")
