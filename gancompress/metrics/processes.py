"""Sharing one evaluation between the processes of ``accelerate launch`` or ``torchrun``.

Batches are dealt out whole, so that every image passes the network in the same batch whatever the
number of processes; what comes back is put in the order one process would have had.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from gancompress.metrics.frechet import StatisticsAccumulator


def rank_and_size() -> tuple[int, int]:
    """(number of this process, number of processes); (0, 1) outside a process group."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def merge_statistics(own: StatisticsAccumulator) -> StatisticsAccumulator:
    """The statistics of all processes together, the same on each."""
    _, size = rank_and_size()
    if size == 1:
        return own
    own.settle()
    total = StatisticsAccumulator(len(own.mean))
    for source in range(size):
        # One process after the other, so that no more than two covariances are held at once.
        count = _broadcast(torch.tensor([float(own.count)], dtype=torch.float64), source)
        mean = _broadcast(torch.from_numpy(own.mean), source)
        scatter = _broadcast(torch.from_numpy(own.scatter), source)
        total.merge(int(count.item()), mean.numpy(), scatter.numpy())
    return total


def gather_batches(own: Sequence[Tensor], sizes: Sequence[int]) -> Tensor:
    """All batches joined in order, on every process.

    Args:
        own: the batches of this process: numbers rank, rank + size, …; on the CPU.
        sizes: rows of every batch of the evaluation.
    """
    _, size = rank_and_size()
    if size == 1:
        return torch.cat(list(own))
    if len(sizes) < size:
        return _gather_few(own)
    rows = [sum(sizes[source::size]) for source in range(size)]
    joined = torch.cat(list(own))
    parts = []
    for source in range(size):
        room = (
            joined
            if source == dist.get_rank()
            else joined.new_empty((rows[source], *joined.shape[1:]))
        )
        parts.append(list(torch.split(_broadcast(room, source), list(sizes[source::size]))))
    return torch.cat([parts[number % size][number // size] for number in range(len(sizes))])


def _gather_few(own: Sequence[Tensor]) -> Tensor:
    """Fewer batches than processes: each process holds one or none, and does not know the shape."""
    held: list[np.ndarray | None] = [None] * dist.get_world_size()
    dist.all_gather_object(held, own[0].numpy() if own else None)
    return torch.cat([torch.from_numpy(value) for value in held if value is not None])


def _broadcast(value: Tensor, source: int) -> Tensor:
    device = "cuda" if dist.get_backend() == "nccl" else "cpu"
    moved = value.clone().to(device)
    dist.broadcast(moved, src=source)
    return moved.cpu()
