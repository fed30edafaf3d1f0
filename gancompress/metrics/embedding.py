"""Images of several sources on one map, where like images lie side by side."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gancompress.errors import MetricError
from gancompress.metrics.features import Extractor
from gancompress.metrics.sources import ImageSource

# Directions of the features that t-SNE is given.
COMPONENTS = 300
# Neighbours that t-SNE keeps near; of few images a third of them.
PERPLEXITY = 30.0
# Images of a source that a map can be made of.
LEAST = 10


@dataclass(frozen=True)
class ImageMap:
    """A grid on which every image has a tile of its own.

    Attributes:
        rows, columns: of the grid.
        images: of each source, uint8 (n, C, H, W).
        tiles: of each source, (n,): the number of each image's tile, counted row by row.
    """

    rows: int
    columns: int
    images: Sequence[Tensor]
    tiles: Sequence[NDArray[np.int64]]


def map_images(
    sources: Sequence[ImageSource],
    extractor: Extractor,
    *,
    count: int,
    seed: int = 0,
    batch_size: int = 64,
) -> ImageMap:
    """Lay the images of all ``sources`` out on one grid.

    Features → principal components → t-SNE (van der Maaten and Hinton 2008) → the assignment to
    tiles with the smallest sum of squared moves. All sources share the map, so that an area where
    one has few images shows what it lacks.

    Args:
        sources: of images.
        extractor: whose features say what is alike.
        count: images of each source, at most; of all classes alike many, where it has labels.
        seed: of t-SNE.
        batch_size: images at once.

    Raises:
        MetricError: a source has too few images.
    """
    images, features = [], []
    for source in sources:
        if min(count, len(source)) < LEAST:
            raise MetricError(f"{min(count, len(source))} images; a map needs {LEAST} of a source")
        chosen = balanced(source.labels, len(source), count)
        parts = [chosen[at : at + batch_size] for at in range(0, len(chosen), batch_size)]
        images.append(torch.cat([source.batch(part) for part in parts]))
        features += [extractor(part).features.cpu() for part in torch.split(images[-1], batch_size)]
    places = _places(torch.cat(features).double().numpy(), seed)
    columns = math.ceil(math.sqrt(len(places)))
    rows = math.ceil(len(places) / columns)
    tiles = assigned(places, rows, columns)
    ends = np.cumsum([len(part) for part in images])
    starts = [0, *ends[:-1]]
    parts_of = [tiles[start:end] for start, end in zip(starts, ends, strict=True)]
    return ImageMap(rows, columns, images, parts_of)


def balanced(labels: Tensor | None, total: int, count: int) -> list[int]:
    """The numbers of ``count`` of ``total`` images, of every class alike many."""
    if labels is None:
        return list(range(min(count, total)))
    seen: dict[int, int] = {}
    ranked = []
    for index, label in enumerate(labels.tolist()):
        ranked.append((seen.get(label, 0), index))
        seen[label] = seen.get(label, 0) + 1
    return sorted(index for _, index in sorted(ranked)[:count])


def assigned(places: NDArray[np.float64], rows: int, columns: int) -> NDArray[np.int64]:
    """A tile for each of ``places`` (n, 2): (n,) numbers below rows · columns, each at most once.

    The sum of squared moves is the smallest there is.
    """
    from scipy.optimize import linear_sum_assignment  # half a second, which most commands save

    low, high = places.min(0), places.max(0)
    inside = (places - low) / np.where(high > low, high - low, 1)
    y, x = np.divmod(np.arange(rows * columns), columns)
    grid = np.stack([x / max(columns - 1, 1), y / max(rows - 1, 1)], 1)
    moves = (inside**2).sum(1)[:, None] + (grid**2).sum(1) - 2 * inside @ grid.T
    found: NDArray[np.int64] = linear_sum_assignment(moves)[1]
    return found


def _places(features: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    components = min(COMPONENTS, *features.shape)
    reduced = PCA(components, random_state=seed).fit_transform(features)
    perplexity = min(PERPLEXITY, len(features) / 3)
    tsne = TSNE(perplexity=perplexity, init="pca", random_state=seed)
    places: NDArray[np.float64] = tsne.fit_transform(reduced).astype(np.float64)
    return places
