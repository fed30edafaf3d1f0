"""Training in several processes as in one: shared draws, shared means, shared batch statistics."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import MethodType

import torch
import torch.distributed as dist
import torch.distributed.nn.functional as differentiable
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from gancompress.training.optimise import processes


def own_rows(draw: Callable[[int], Tensor], n: int) -> Tensor:
    """This process's ``n`` rows of what ``draw`` gives for the samples of all processes.

    All processes draw the same numbers; sample *j* of one is sample ``rank + ranks · j`` of all.
    """
    ranks = processes()
    return draw(n) if ranks == 1 else draw(n * ranks)[dist.get_rank() :: ranks]


def mean_over_processes(value: Tensor) -> Tensor:
    """The mean of ``value`` over the processes, as often differentiable as one likes."""
    if processes() == 1:
        return value
    total: Tensor = differentiable.all_reduce(value)  # type: ignore[no-untyped-call]
    return total / processes()


def share_batch_statistics(*modules: nn.Module) -> None:
    """Let every batch norm in ``modules`` normalise by the samples of all processes.

    ``nn.SyncBatchNorm`` does so on GPUs only, and is another module; this changes no module, so
    that copies and saved tensors stay what they were.
    """
    if processes() == 1:
        return
    for module in modules:
        for part in module.modules():
            if isinstance(part, _BatchNorm):
                part.forward = MethodType(_normalise, part)  # type: ignore[method-assign]


@contextmanager
def shared_batch_statistics(*modules: nn.Module) -> Iterator[None]:
    """The same for a while: afterwards ``modules`` may run in one process alone."""
    if processes() == 1:
        yield
        return
    share_batch_statistics(*modules)
    try:
        yield
    finally:
        for module in modules:
            for part in module.modules():
                if isinstance(part, _BatchNorm):
                    part.__dict__.pop("forward", None)


def _normalise(norm: _BatchNorm, x: Tensor) -> Tensor:
    """``norm(x)`` with mean and variance over all processes while it trains."""
    if not norm.training and norm.running_mean is not None:
        return type(norm).forward(norm, x)
    over, shape = [0, *range(2, x.ndim)], [1, -1, *[1] * (x.ndim - 2)]
    values = x.float()
    # Shares of a batch may differ by a sample.
    n = mean_over_processes(values.new_full((), x.numel() // x.shape[1]))
    mean = mean_over_processes(values.sum(over)) / n
    centred = values - mean.view(shape)
    variance = mean_over_processes(centred.square().sum(over)) / n
    if norm.running_mean is not None and norm.running_var is not None:
        _follow(norm, mean, variance, n * processes())
    result = centred * (variance + norm.eps).rsqrt().view(shape)
    if norm.affine:
        result = result * norm.weight.view(shape) + norm.bias.view(shape)
    return result.to(x.dtype)


@torch.no_grad()
def _follow(norm: _BatchNorm, mean: Tensor, variance: Tensor, n: Tensor) -> None:
    """Move the running statistics; of the variance they keep the unbiased estimate."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.num_batches_tracked is not None
    norm.num_batches_tracked.add_(1)
    # All that is of the GPU stays there: reading it would wait for all that it has yet to do.
    share = 1 / norm.num_batches_tracked if norm.momentum is None else norm.momentum
    norm.running_mean.lerp_(mean, share)
    norm.running_var.lerp_(variance * (n / (n - 1).clamp(min=1)), share)
