"""One pass over images: the statistics always, every feature and logit only where asked for."""

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from gancompress.errors import MetricError
from gancompress.metrics.features import Extractor
from gancompress.metrics.frechet import FeatureStatistics, StatisticsAccumulator
from gancompress.metrics.processes import gather_batches, merge_statistics, rank_and_size
from gancompress.metrics.sources import ImageSource
from gancompress.metrics.statistics_file import cache_path, load_statistics, save_statistics
from gancompress.progress import progress_bar


@dataclass(frozen=True)
class Collected:
    """What an extractor saw.

    Attributes:
        statistics: of the features.
        features: (n, D) float32 on the CPU, where kept.
        logits: (n, K) float32 on the CPU, where kept and where the extractor has classes.
        labels: (n,) of the source, where it has them.
    """

    statistics: FeatureStatistics
    features: Tensor | None
    logits: Tensor | None
    labels: Tensor | None


def collect(
    source: ImageSource,
    extractor: Extractor,
    *,
    batch_size: int = 64,
    keep: bool = False,
    progress: bool = False,
) -> Collected:
    """Show every image of ``source`` to ``extractor``, one batch in memory at a time.

    In a process group each process takes its share of the batches, and all get the same result.

    Args:
        source: the images; see :class:`~gancompress.metrics.sources.ImageSource`.
        extractor: the network.
        batch_size: images at once.
        keep: keep all features and logits as well: n · (D + K) · 4 bytes.
        progress: show a bar.

    Raises:
        MetricError: fewer than two images, or features that are not finite.
    """
    if len(source) < 2:
        raise MetricError(
            f"there {'is one image' if len(source) else 'are no images'}; statistics need two"
        )
    rank, size = rank_and_size()
    starts = range(0, len(source), batch_size)
    accumulator: StatisticsAccumulator | None = None
    features: list[Tensor] = []
    logits: list[Tensor] = []
    mine = range(rank, len(starts), size)
    for number in progress_bar(
        mine, desc=extractor.name, disable=not progress or rank > 0, leave=False
    ):
        stop = min(starts[number] + batch_size, len(source))
        seen = extractor(source.batch(range(starts[number], stop)))
        accumulator = accumulator or StatisticsAccumulator(seen.features.shape[1])
        accumulator.add(seen.features)
        if keep:
            features.append(seen.features.cpu())
            if seen.logits is not None:
                logits.append(seen.logits.cpu())
    if accumulator is None:
        # More processes than batches: look at one image to learn the dimension.
        seen = extractor(source.batch([0]))
        accumulator = StatisticsAccumulator(seen.features.shape[1])
    sizes = [min(batch_size, len(source) - start) for start in starts]
    has_logits = keep and seen.logits is not None
    return Collected(
        statistics=merge_statistics(accumulator).finish(),
        features=gather_batches(features, sizes) if keep else None,
        logits=gather_batches(logits, sizes) if has_logits else None,
        labels=source.labels,
    )


def collect_reference(
    source: ImageSource,
    extractor: Extractor,
    *,
    batch_size: int = 64,
    keep: bool = False,
    progress: bool = False,
    cache: Path | None = None,
) -> Collected:
    """As :func:`collect`, with the statistics kept in ``cache`` by what they depend on.

    The file's name is a hash of the images, the extractor and the number of images, so it is never
    stale. Where all features are wanted, the images are looked at again.
    """
    place = None if cache is None else cache_path(cache, source, extractor)
    if place is not None and not keep and place.is_file():
        return Collected(load_statistics(place), None, None, source.labels)
    found = collect(source, extractor, batch_size=batch_size, keep=keep, progress=progress)
    if place is not None and rank_and_size()[0] == 0:
        save_statistics(found.statistics, place)
    return found
