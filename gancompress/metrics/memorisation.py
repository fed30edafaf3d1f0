"""Does the generator paint new images, or training images from memory?"""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from gancompress.atomic import replacing
from gancompress.errors import MetricError
from gancompress.metrics.images import with_channels
from gancompress.metrics.precision_recall import kth_distances, pairwise_distances
from gancompress.metrics.sources import ImageSource


@dataclass(frozen=True)
class Memorisation:
    """Nearest training images of generated ones.

    Attributes:
        nearest: (N, k) indices of training images, nearest first.
        distances: (N, k) feature distances.
        authenticity: share of generated images that lie farther from their nearest training image
            than that one lies from its own nearest training image (Alaa et al. 2022, §3.3). Fresh
            samples of the training distribution have a half and more; copies have none.
    """

    nearest: Tensor
    distances: Tensor
    authenticity: float

    def suspects(self, count: int) -> list[int]:
        """Generated images nearest to a training image, nearest first."""
        return self.distances[:, 0].argsort(stable=True)[:count].tolist()


def memorisation(
    features: Tensor, training: Tensor, *, k: int = 3, chunk: int = 2048
) -> Memorisation:
    """Find the ``k`` nearest training images (M, D) of each generated one (N, D)."""
    if len(features) == 0 or len(training) <= k:
        raise MetricError(
            f"{len(features)} generated and {len(training)} training images; "
            f"the {k} nearest need one and {k + 1}"
        )
    found = [
        pairwise_distances(part, training).topk(k, largest=False)
        for part in torch.split(features, chunk)
    ]
    distances = torch.cat([part.values for part in found])
    nearest = torch.cat([part.indices for part in found])
    own = kth_distances(training, 1, chunk)[nearest[:, 0]]
    return Memorisation(nearest, distances, float((distances[:, 0] > own).double().mean()))


def save_suspects(
    found: Memorisation,
    generated: ImageSource,
    training: ImageSource,
    path: str | os.PathLike[str],
    *,
    count: int = 8,
) -> None:
    """Draw the ``count`` generated images nearest to a training image, see :func:`save_neighbours`.

    Training images of another size are brought to that of the generated ones.
    """
    rows = found.suspects(count)
    images = torch.cat([generated.batch([row]) for row in rows])
    neighbours = []
    for row in rows:
        beside = training.batch(found.nearest[row].tolist())
        if beside.shape[-2:] != images.shape[-2:]:
            beside = F.interpolate(beside.float(), images.shape[-2:], mode="bilinear")
        neighbours.append(beside)
    save_neighbours(images, neighbours, path)


def save_neighbours(
    generated: Tensor,
    neighbours: Sequence[Tensor],
    path: str | os.PathLike[str],
    *,
    scale: int = 2,
) -> None:
    """Draw each generated image beside its nearest training images, one row each.

    Args:
        generated: (n, C, H, W) in 0…255.
        neighbours: for each of them (k, C, H, W), of the same size.
        path: of the PNG.
        scale: enlargement, by repetition of pixels.
    """
    gap = 2
    rows = []
    for image, beside in zip(generated, neighbours, strict=True):
        first = with_channels(image[None], 3)
        # A wider gap after the generated image sets it apart from the real ones.
        cells = [F.pad(first, (gap, 3 * gap, gap, gap), value=255.0)]
        cells += [F.pad(with_channels(one[None], 3), (gap,) * 4, value=255.0) for one in beside]
        rows.append(torch.cat(cells, dim=3))
    sheet = torch.cat(rows, dim=2)[0].to(torch.uint8)
    sheet = sheet.repeat_interleave(scale, 1).repeat_interleave(scale, 2)
    with replacing(path) as temporary:
        Image.fromarray(np.ascontiguousarray(sheet.permute(1, 2, 0).numpy())).save(
            temporary, format="PNG"
        )
