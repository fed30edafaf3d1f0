"""Which channels of a group are best kept, told by the matrices of all layers that read them.

Greedy selection of columns: channels are taken one by one, each time the one that, together with
those taken before, leaves least of the outputs of the layers that read the group unexplained. Every
leading part of that order is then a good choice, which is what a subnet keeps (for one layer this
is orthogonal matching pursuit by blocks; ThiNet, Luo et al. 2017, removes channels likewise).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gancompress.reconstruction.gathered import Gathered, Statistics
from gancompress.reconstruction.program import Site

# Added to the diagonal, in parts of its mean, so that channels that say the same count once.
RIDGE = 1e-4


@dataclass
class _Reader:
    """What is left of one layer that reads a group: matrices over the group's rows alone.

    Attributes:
        gram: (blocks, channels, taps, channels, taps).
        product: (blocks, channels, taps, outputs).
        ridge: (blocks,) added to the diagonal.
        power: of all outputs.
    """

    gram: Tensor
    product: Tensor
    ridge: Tensor
    power: float

    def gains(self) -> Tensor:
        """By how much each channel alone would lower the error, as a share of the power."""
        own = torch.diagonal(self.gram, dim1=1, dim2=3).permute(0, 3, 1, 2)
        solved: Tensor = torch.linalg.solve(own + self._damping()[:, None], self.product)
        return (solved * self.product).sum((0, 2, 3)) / self.power

    def take(self, channel: int) -> None:
        """Leave only what this channel does not explain."""
        column = self.gram[:, :, :, channel].flatten(1, 2)
        own = self.gram[:, channel, :, channel] + self._damping()
        weight = torch.linalg.solve(own, column.mT)
        self.product -= (weight.mT @ self.product[:, channel]).view_as(self.product)
        self.gram -= (column @ weight).view_as(self.gram)

    def _damping(self) -> Tensor:
        """(blocks, taps, taps)."""
        taps = self.gram.shape[2]
        eye = torch.eye(taps, dtype=self.gram.dtype, device=self.gram.device)
        return self.ridge[:, None, None] * eye


def selection_scores(gathered: Gathered) -> dict[str, NDArray[np.float64]]:
    """Scores by which :func:`gancompress.supernet.importance.sort_channels` puts the channels of
    every group into the order of a greedy selection.

    Args:
        gathered: of the supernet as it is now; gather anew once its channels are sorted.

    Returns:
        For every elastic group that some plain layer reads, by name, one score a channel: how many
        channels are taken after it.
    """
    scores: dict[str, NDArray[np.float64]] = {}
    for index, group in enumerate(gathered.supernet.groups):
        readers = _readers(gathered, index) if group.pinned is None else []
        if readers:
            order = _order(readers)
            score = np.empty(len(order))
            score[order] = np.arange(len(order), 0, -1)
            scores[group.name] = score
    return scores


def _order(readers: Sequence[_Reader]) -> list[int]:
    """Channels in the order in which they are taken."""
    count = readers[0].gram.shape[1]
    left = torch.ones(count, dtype=torch.bool)
    order: list[int] = []
    for _ in range(count):
        gains = torch.stack([reader.gains() for reader in readers]).sum(0).cpu()
        gains = torch.where(left, gains.nan_to_num(0.0), -torch.inf)
        best = int(gains.argmax())
        order.append(best)
        left[best] = False
        for reader in readers:
            reader.take(best)
    return order


def _readers(gathered: Gathered, group: int) -> list[_Reader]:
    """The layers that read the group ``group``, each with what it gets from elsewhere explained."""
    found = []
    seen = set()
    for site in gathered.program.sites:
        known = gathered.statistics.get(site.weight.key)
        if known is None or site.weight.key in seen or site.layer.groups > 1:
            continue
        seen.add(site.weight.key)
        rows = _rows(gathered, site, group)
        if rows is not None:
            found.append(_reader(known, rows))
    return found


def _rows(gathered: Gathered, site: Site, group: int) -> Tensor | None:
    """Rows (channels, taps) of the layer's matrix that the group's channels are; None where it does
    not read the group, or not once each."""
    layer = site.layer
    assert layer.weight is not None
    dim = 0 if layer.inputs_first else 1
    axes = gathered.supernet.graph.axes.get(site.weight.name)
    if axes is None or layer.weight.dim() != len(axes) or axes[dim] is None:
        return None
    axis = axes[dim]
    assert axis is not None
    places = np.flatnonzero(axis.group == group)
    whole = gathered.supernet.groups[group]
    channels = whole.channels // whole.unit
    if not places.size or places.size % channels:
        return None
    places = places[np.argsort(axis.rank[places], kind="stable")]
    taps = layer.window.taps // layer.phases
    rows = torch.from_numpy(places)[:, None] * taps + torch.arange(taps)
    return rows.reshape(channels, -1)


def _reader(known: Statistics, rows: Tensor) -> _Reader:
    """Matrices over ``rows``, less what the other rows explain."""
    mine = rows.flatten()
    others = torch.ones(known.gram.shape[1], dtype=torch.bool)
    others[mine] = False
    gram, product = known.gram[:, mine][:, :, mine].clone(), known.product[:, mine].clone()
    if bool(others.any()):
        outer = known.gram[:, others][:, :, others].double()
        size = outer.diagonal(dim1=1, dim2=2).mean(1).clamp_min(1e-30)[:, None, None]
        outer = outer + RIDGE * size * torch.eye(outer.shape[1], dtype=outer.dtype)
        between = known.gram[:, others][:, :, mine].double()
        weight = torch.linalg.solve(outer, between).to(gram.dtype)
        product -= weight.mT @ known.product[:, others]
        gram -= weight.mT @ between.to(gram.dtype)
    ridge = RIDGE * gram.diagonal(dim1=1, dim2=2).mean(1).clamp_min(1e-30)
    channels, taps = rows.shape
    blocks = len(gram)
    return _Reader(
        gram.reshape(blocks, channels, taps, channels, taps),
        product.reshape(blocks, channels, taps, -1),
        ridge,
        max(float(known.power.sum()), 1e-30),
    )
