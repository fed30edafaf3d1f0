"""Channels in order of importance, so that the leading ones, which a subnet keeps, matter most.

Permuting the channels of a group in every tensor where they occur leaves the function as it is.
Done once before training, it gives narrow subnets a far better start (Cai et al. 2020,
"Once-for-all", section 3.3; Lin et al. 2021, "Anycost GANs", section 3.2).
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils._pytree import tree_leaves

from gancompress.supernet.axes import Axis, ChannelGroup
from gancompress.supernet.substitute import call_with
from gancompress.supernet.supernet import Supernet

Score = NDArray[np.float64]

_TINY = 1e-30


def weight_scores(supernet: Supernet) -> dict[str, Score]:
    """How large the weights of every channel are.

    The L2 norm of a channel's weights in each tensor, over the mean of that tensor's channels so
    that every tensor has one vote, averaged over the tensors.

    Returns:
        For every elastic group, by name, one score a channel (of channels that can only be removed
        together, one for all of them), at least 0.
    """
    squares = {name: p.detach().square() for name, p in supernet.module.named_parameters()}
    return {
        group: _mean([np.sqrt(vote) / max(np.sqrt(vote).mean(), _TINY) for vote in votes])
        for group, votes in _votes(supernet, squares).items()
    }


def taylor_scores(
    supernet: Supernet, batches: Iterable[Mapping[str, Tensor]], *, seed: int
) -> dict[str, Score]:
    """How much the output would change without each channel, to first order.

    For a random direction v of the output, ``(Σ w · ∂(v·y)/∂w)²`` over a channel's weights is in
    expectation the squared change of the output y when they are set to zero (the first-order
    criterion of Molchanov et al. 2019, with the output itself in place of a loss: at the teacher's
    own weights every distillation loss is at its minimum, and its gradient says nothing).

    Args:
        supernet: at full width, in whatever mode the module is.
        batches: inputs by name; 100 samples or so are enough.
        seed: of the random directions, one a batch.

    Returns:
        As :func:`weight_scores`.
    """
    generator = torch.Generator().manual_seed(seed)
    total: dict[str, Score] = {}
    for batch in batches:
        parameters = {
            name: p.detach().requires_grad_() for name, p in supernet.module.named_parameters()
        }
        output = call_with(supernet.module, dict(parameters), (), batch)
        outputs = [t for t in tree_leaves(output) if isinstance(t, Tensor) and t.requires_grad]
        directions = [torch.randn(t.shape, generator=generator).to(t) for t in outputs]
        gradients = torch.autograd.grad(
            outputs, list(parameters.values()), directions, allow_unused=True
        )
        changes = {
            name: p.detach() * gradient
            for (name, p), gradient in zip(parameters.items(), gradients, strict=True)
            if gradient is not None
        }
        for group, votes in _votes(supernet, changes).items():
            total[group] = total.get(group, 0.0) + _mean([vote**2 for vote in votes])
    return total


def sort_channels(supernet: Supernet, scores: Mapping[str, Score]) -> None:
    """Permute, in place, the channels of every group in ``scores`` to descending order.

    The function of the module stays the same up to the rounding of sums; parameters stay the same
    objects, so that optimisers keep them. Equal scores keep their order, and so do channels whose
    order matters (of a group normalisation over a concatenation).
    """
    groups = supernet.graph.groups
    orders = {
        index: np.argsort(-scores[group.name], kind="stable")
        for index, group in enumerate(groups)
        if group.name in scores and index not in supernet.graph.unsorted
    }
    tensors = dict(supernet.module.named_parameters()) | dict(supernet.module.named_buffers())
    with torch.no_grad():
        for name, axes in supernet.graph.axes.items():
            for dim, axis in enumerate(axes):
                if axis is None or not orders.keys() & set(axis.members.tolist()):
                    continue
                index = torch.from_numpy(_rearranged(axis, orders, groups))
                tensor = tensors[name]
                tensor.copy_(tensor.index_select(dim, index.to(tensor.device)))


def _rearranged(
    axis: Axis, orders: Mapping[int, NDArray[np.int64]], groups: Sequence[ChannelGroup]
) -> NDArray[np.int64]:
    """For each position of a dimension the position whose content it takes."""
    index = np.arange(axis.size)
    for group in axis.members.tolist():
        if group in orders:
            places = _places(axis, group, groups[group])
            index[places] = places[orders[group]]
    return index


def _places(axis: Axis, group: int, channels: ChannelGroup) -> NDArray[np.int64]:
    """Positions of a group's channels in a dimension: (channels, how often each occurs)."""
    positions = np.flatnonzero(axis.group == group)
    by_channel = positions[np.argsort(axis.rank[positions], kind="stable")]
    return by_channel.reshape(channels.channels // channels.unit, -1)


def _votes(supernet: Supernet, values: Mapping[str, Tensor]) -> dict[str, list[Score]]:
    """For every elastic group the sums of ``values`` over each channel, one per place."""
    groups = supernet.graph.groups
    votes: dict[str, list[Score]] = {g.name: [] for g in groups if g.pinned is None}
    for name, value in values.items():
        for dim, axis in enumerate(supernet.graph.axes[name]):
            if axis is None:
                continue
            others = [d for d in range(value.dim()) if d != dim]
            sums = (value.sum(others) if others else value).double().cpu().numpy()
            for group in axis.members.tolist():
                if groups[group].pinned is None:
                    places = _places(axis, group, groups[group])
                    votes[groups[group].name].append(sums[places].sum(axis=1))
    return {group: found for group, found in votes.items() if found}


def _mean(votes: Sequence[Score]) -> Score:
    mean: Score = np.mean(votes, axis=0)
    return mean
