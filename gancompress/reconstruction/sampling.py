"""Which columns of a layer's equations are taken, and which of them are held out."""

import torch
from torch import Tensor

from gancompress.reconstruction.layer import Layer

# Columns of a layer's equations: at least so many in all, and so many for each row.
LEAST, PER_ROW = 49152, 32
# One sample of so many is held out, to choose ridges by.
HELD_OUT = 4


def columns_of_each(layer: Layer, samples: int, least: int = LEAST, per_row: int = PER_ROW) -> int:
    """How many output positions of each of ``samples`` samples make enough columns."""
    return -(-max(least, per_row * layer.matrix().shape[1]) // samples)


def held_out(samples: int, first: int, each: int, total: int) -> Tensor:
    """Which columns are held out: one sample of four, or columns where there are too few samples.
    Samples are the last ones of the batch, so that taking them apart needs no copy.

    Args:
        samples: in this batch; ``first`` is the number of the first, ``total`` that of all.
        each: columns of a sample.
    """
    if total < HELD_OUT:
        return every_fourth(samples * each)
    count = (first + samples) // HELD_OUT - first // HELD_OUT
    return torch.arange(samples * each) >= (samples - count) * each


def every_fourth(columns: int) -> Tensor:
    """Columns held out where they do not tell which sample they are of."""
    return torch.arange(columns) % HELD_OUT == HELD_OUT - 1


def positions(layer: Layer, wanted: int, seed: int) -> Tensor:
    """``wanted`` output positions of every phase of a layer; all where there are no more."""
    count = layer.window.outputs // layer.phases
    found = torch.arange(count)
    if wanted < count:
        generator = torch.Generator().manual_seed(seed)
        found = torch.randperm(count, generator=generator)[:wanted].sort().values
    return found if layer.phases == 1 else layer.window.of_phases(found)
