"""Feature statistics on disk, in pytorch-fid's ``.npz`` format, and a cache of them by content."""

import hashlib
import json
import math
import os
import zipfile
import zlib
from pathlib import Path

import numpy as np

from gancompress.atomic import replacing
from gancompress.errors import MetricError
from gancompress.metrics.features import Extractor
from gancompress.metrics.frechet import FeatureStatistics
from gancompress.metrics.sources import ImageSource

# Of one array: statistics of 8,192 dimensions.
MOST_BYTES = 2**30


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
        _check_sizes(place)
        with np.load(place, allow_pickle=False) as content:
            mean = np.asarray(content["mu"], dtype=np.float64)
            covariance = np.asarray(content["sigma"], dtype=np.float64)
            count = int(content["count"]) if "count" in content else 0
    except (
        *(OSError, ValueError, KeyError, TypeError, OverflowError, EOFError, RuntimeError),
        *(zipfile.BadZipFile, zlib.error, SyntaxError, MemoryError),
    ) as error:
        raise MetricError(
            f"{place}: no feature statistics; expected an .npz with mu (D,) and sigma (D, D) "
            f"({error})"
        ) from None
    if mean.ndim != 1 or covariance.shape != (len(mean), len(mean)):
        raise MetricError(
            f"{place}: mu {mean.shape} and sigma {covariance.shape}; expected (D,) and (D, D)"
        )
    if count < 0 or not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
        raise MetricError(f"{place}: holds numbers that are none, or a negative count")
    return FeatureStatistics(count, mean, covariance)


def _check_sizes(place: Path) -> None:
    """Refuse what would take more memory than any statistics, or shapes beyond what is there.

    Raises:
        ValueError: naming the array.
    """
    with zipfile.ZipFile(place) as archive:
        for member in archive.infolist():
            if member.file_size > MOST_BYTES:
                raise ValueError(f"{member.filename}: {member.file_size:,} bytes")
            with archive.open(member) as file:
                version = np.lib.format.read_magic(file)
                read = np.lib.format.read_array_header_1_0
                if version != (1, 0):
                    read = np.lib.format.read_array_header_2_0
                shape, _, dtype = read(file)
                if math.prod(shape) * dtype.itemsize > member.file_size:
                    raise ValueError(
                        f"{member.filename}: shape {shape} of {member.file_size} bytes"
                    )


def cache_path(folder: Path, source: ImageSource, extractor: Extractor) -> Path:
    """Where the statistics of these images in these features belong."""
    facts = [1, source.fingerprint, len(source), extractor.fingerprint, extractor.size]
    key = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:24]
    return folder / "statistics" / f"{extractor.name}-{key}.npz"
