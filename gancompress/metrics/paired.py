"""Two sources image by image: a student beside its teacher, a restoration beside its original."""

from collections.abc import Callable
from pathlib import PurePosixPath

import torch
from torch import Tensor

from gancompress.data.images import Images
from gancompress.errors import MetricError
from gancompress.metrics.sources import ImageSource


def paired_values(
    first: ImageSource,
    second: ImageSource,
    measure: Callable[[Tensor, Tensor], Tensor],
    *,
    batch_size: int = 64,
) -> Tensor:
    """``measure`` of each pair of images with one number; (n,) float64.

    Args:
        first, second: of equal length and size; files must bear the same names, suffixes apart.
        measure: two uint8 batches (b, C, H, W) to (b,).

    Raises:
        MetricError: the sources are no pairs.
    """
    if len(first) != len(second) or len(first) == 0:
        raise MetricError(
            f"{len(first)} and {len(second)} images make no pairs; a comparison image by image "
            "needs one partner for each"
        )
    if isinstance(first, Images) and isinstance(second, Images):
        _check_names(first, second)
    parts = [
        measure(first.batch(rows), second.batch(rows)).double().cpu()
        for start in range(0, len(first), batch_size)
        for rows in [range(start, min(start + batch_size, len(first)))]
    ]
    return torch.cat(parts)


def _check_names(first: Images, second: Images) -> None:
    for one, other in zip(first.names, second.names, strict=True):
        if PurePosixPath(one).stem != PurePosixPath(other).stem:
            raise MetricError(
                f"{one} stands beside {other}; pairs of files must bear the same name"
            )
