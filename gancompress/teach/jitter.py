"""Random parts and mirror images of training images (Isola et al. 2017, section 6.2)."""

from collections.abc import Collection

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gancompress.batch import Batch, batch_size
from gancompress.training.processes import own_rows


def jittered(
    batch: Batch, enlarge: int, flip: bool, rng: np.random.Generator, exact: Collection[str] = ()
) -> Batch:
    """Cut a random part out of every enlarged sample and mirror it or not.

    What belongs to one sample is cut and mirrored alike.

    Args:
        batch: images or maps by name, (N, C, H, W); with ``enlarge``, all of one height and width.
        enlarge: pixels that height and width grow by before the part of the old size is cut.
        flip: mirror every other sample, by chance.
        rng: of the places and the mirroring; the same in all processes, each with its own samples.
        exact: names of what is enlarged without interpolation, as label maps are.
    """
    n = batch_size(batch)
    places = own_rows(lambda m: torch.from_numpy(rng.integers(0, enlarge + 1, (m, 2))), n)
    mirrored = own_rows(lambda m: torch.from_numpy(rng.random(m) < 0.5), n)
    changed = {}
    for name, values in batch.items():
        if enlarge:
            values = _cut(values, enlarge, places, name in exact)
        if flip:
            values = torch.where(mirrored.view(-1, 1, 1, 1), values.flip(-1), values)
        changed[name] = values
    return changed


def _cut(values: Tensor, enlarge: int, places: Tensor, exact: bool) -> Tensor:
    height, width = values.shape[-2:]
    size = (height + enlarge, width + enlarge)
    large = (
        F.interpolate(values, size, mode="nearest")
        if exact
        else F.interpolate(values, size, mode="bicubic").clamp(-1.0, 1.0)
    )
    parts = zip(large, places.tolist(), strict=True)
    return torch.stack([x[:, top : top + height, left : left + width] for x, (top, left) in parts])
