"""An optimiser step that a poisoned batch cannot ruin, and the average of what it trains."""

import math
from collections.abc import Iterable
from typing import Literal

import torch
import torch.distributed as dist
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

Schedule = Literal["constant", "linear", "cosine"]


def descend(optimizer: torch.optim.Optimizer, *, clip: float = 0.0) -> Tensor:
    """Take one step along the gradients there are, then clear them.

    A gradient that is not finite is dropped, parameters and moments left as they were: one poisoned
    batch costs one step.

    Args:
        optimizer: holds the parameters, their ``.grad`` already accumulated.
        clip: largest total norm of the gradient; 0: not clipped.

    Returns:
        The norm of the gradient before clipping, a scalar.
    """
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    norm = nn.utils.clip_grad_norm_(parameters, clip if clip > 0 else math.inf)
    if bool(torch.isfinite(norm)):
        optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return norm.detach()


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace every gradient by its mean over the processes; nothing where there is but one.

    Done by hand because a supernet runs several subnets before one step, and each process may have
    other subnets: a parameter that had no gradient here may have one elsewhere.
    """
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        dist.all_reduce(parameter.grad)
        parameter.grad /= dist.get_world_size()


def moving_average(module: nn.Module, decay: float) -> AveragedModel:
    """An exponential moving average of the parameters; buffers follow the module as they are."""
    average = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    return AveragedModel(module, multi_avg_fn=average, use_buffers=False)


def follow_buffers(average: AveragedModel, module: nn.Module) -> None:
    """Copy the module's buffers (BatchNorm statistics, …) into its average."""
    sources = dict(module.named_buffers())
    for name, buffer in average.module.named_buffers():
        buffer.copy_(sources[name])


def scheduled(
    optimizer: torch.optim.Optimizer, schedule: Schedule, steps: int
) -> torch.optim.lr_scheduler.LambdaLR:
    """A learning rate that stays, or goes to zero along a line or a half cosine in ``steps``."""

    def factor(step: int) -> float:
        share = min(step / steps, 1.0)
        if schedule == "linear":
            return 1.0 - share
        if schedule == "cosine":
            return 0.5 * (1.0 + math.cos(math.pi * share))
        return 1.0

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


def make_accelerator(device: str, precision: str) -> Accelerator:
    """Where and in which precision to train: accelerate's choice, or the CPU where asked for."""
    return Accelerator(cpu=device == "cpu", mixed_precision=precision)
