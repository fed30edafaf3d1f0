"""Feature statistics on disk, in pytorch-fid's ``.npz`` format, and a cache of them by content."""

import hashlib
import json
import os
import zipfile
from pathlib import Path

import numpy as np

from gancompress.atomic import replacing
from gancompress.errors import MetricError
from gancompress.metrics.features import Extractor
from gancompress.metrics.frechet import FeatureStatistics
from gancompress.metrics.sources import ImageSource


def save_statistics(statistics: FeatureStatistics, path: str | os.PathLike[str]) -> None:
    """Write ``mu`` (D,), ``sigma`` (D, D) and ``count``; pytorch-fid reads the first two."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            mu=statistics.mean,
            sigma=statistics.covariance,
            count=np.int64(statistics.count),
        )


def load_statistics(path: str | os.PathLike[str]) -> FeatureStatistics:
    """Read a ``.npz`` of :func:`save_statistics` or of pytorch-fid (whose count is unknown, 0).

    Raises:
        MetricError: the file is missing, damaged, or holds other arrays.
    """
    place = Path(path)
    try:
        with np.load(place, allow_pickle=False) as content:
            mean = np.asarray(content["mu"], dtype=np.float64)
            covariance = np.asarray(content["sigma"], dtype=np.float64)
            count = int(content["count"]) if "count" in content else 0
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
        raise MetricError(
            f"{place}: no feature statistics; expected an .npz with mu (D,) and sigma (D, D) "
            f"({error})"
        ) from None
    if mean.ndim != 1 or covariance.shape != (len(mean), len(mean)):
        raise MetricError(
            f"{place}: mu {mean.shape} and sigma {covariance.shape}; expected (D,) and (D, D)"
        )
    return FeatureStatistics(count, mean, covariance)


def cache_path(folder: Path, source: ImageSource, extractor: Extractor) -> Path:
    """Where the statistics of these images in these features belong."""
    facts = [1, source.fingerprint, len(source), extractor.fingerprint, extractor.size]
    key = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:24]
    return folder / "statistics" / f"{extractor.name}-{key}.npz"
