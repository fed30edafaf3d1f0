"""An optimiser step that a poisoned batch cannot ruin, and the average of what it trains."""

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.distributed as dist
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim.optimizer import ParamsT
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from gancompress.errors import RecipeError
from gancompress.training.options import Schedule

# Processors that multiply numbers of 16 bits (bfloat16) faster than those of 32, by their features.
NATIVE_BF16 = ("avx512_bf16", "amx_bf16", "sve_bf16", "bf16")


def adam(parameters: ParamsT, learning_rate: float, betas: Sequence[float]) -> torch.optim.Adam:
    """Adam in one pass over all parameters.

    A narrow subnet moves few of a supernet's parameters but the optimiser visits them all; the
    fused form makes that several times cheaper, on the CPU too (``benchmarks/elastic.py``).
    """
    first, second = betas
    return torch.optim.Adam(parameters, learning_rate, (first, second), fused=True)


def optimizer_step(
    optimizer: torch.optim.Optimizer,
    *,
    clip: float = 0.0,
    scaler: torch.amp.GradScaler | None = None,
    steps: int = 1,
) -> Tensor:
    """Take a step along the gradients there are, then clear them.

    A gradient that is not finite is dropped, parameters, moments and step counts left as they were:
    one poisoned batch costs one step. Whether it is finite is for the optimiser's kernel to see: a
    program that asked would wait for all that the GPU has yet to do.

    Args:
        optimizer: a fused one, see :func:`adam`; holds the parameters, their ``.grad`` already
            accumulated.
        clip: largest total norm of the gradient; 0: not clipped.
        scaler: what scaled the loss, in half precision; its ``update`` is the caller's, after the
            last optimiser of a step. It expects gradients that overflow now and then.
        steps: how many to take along the same gradients.

    Returns:
        The norm of the gradient before clipping, a scalar; 0 where scaling made it overflow.
    """
    if scaler is not None:
        scaler.unscale_(optimizer)
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    norm = nn.utils.clip_grad_norm_(parameters, clip if clip > 0 else math.inf)
    # What GradScaler sets for fused optimisers.
    optimizer.found_inf = torch.isfinite(norm).logical_not().float()  # type: ignore[attr-defined]
    for _ in range(steps):
        optimizer.step()
    del optimizer.found_inf  # type: ignore[attr-defined]
    optimizer.zero_grad(set_to_none=True)
    norm = norm.detach()
    return norm if scaler is None else torch.nan_to_num(norm, nan=0.0, posinf=0.0)


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """While others learn from ``module``: gradients pass through it, none are kept in it."""
    learning = [parameter for parameter in module.parameters() if parameter.requires_grad]
    for parameter in learning:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in learning:
            parameter.requires_grad_(True)


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace every gradient by its mean over the processes; nothing where there is but one.

    Done by hand because a supernet runs several subnets before one step, and each process may have
    other subnets: a parameter that had no gradient here may have one elsewhere.
    """
    if processes() == 1:
        return
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        dist.all_reduce(parameter.grad)
        parameter.grad /= dist.get_world_size()


def average_buffers(module: nn.Module) -> None:
    """Replace running statistics by their mean over the processes, so that all have the same."""
    if processes() == 1:
        return
    for buffer in module.buffers():
        if buffer.is_floating_point():
            dist.all_reduce(buffer)
            buffer /= dist.get_world_size()


def everywhere(condition: bool, device: torch.device) -> bool:
    """Whether ``condition`` holds in all processes; each of them gets the same answer."""
    if processes() == 1:
        return condition
    flag = torch.tensor(int(condition), device=device)
    dist.all_reduce(flag, op=dist.ReduceOp.MIN)
    return bool(flag)


def processes() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def moving_average(module: nn.Module, decay: float) -> AveragedModel:
    """An exponential moving average of the parameters; buffers follow the module as they are."""
    average = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    return AveragedModel(module, multi_avg_fn=average, use_buffers=False)


@torch.no_grad()
def update_ema(average: AveragedModel, module: nn.Module) -> None:
    """Move the average towards the module's parameters; the first time it becomes what they are.

    Its buffers (BatchNorm statistics, …) become the module's. The same as ``update_parameters``,
    which moves a counter to the GPU in every step and waits for it there.
    """
    averages: list[Tensor] = list(average.module.parameters())
    values: list[Tensor] = list(module.parameters())
    if average.n_averaged == 0:
        torch._foreach_copy_(averages, values)
    else:
        assert average.multi_avg_fn is not None
        average.multi_avg_fn(averages, values, average.n_averaged)
    average.n_averaged += 1
    for own, buffer in zip(average.module.buffers(), module.buffers(), strict=True):
        own.copy_(buffer)


def scheduled(
    optimizer: torch.optim.Optimizer, schedule: Schedule, steps: int, *, begin: float = 0.0
) -> torch.optim.lr_scheduler.LambdaLR:
    """A learning rate that stays, or goes to zero along a line or a half cosine in ``steps``.

    Args:
        optimizer: whose rate it is.
        schedule: along what it goes down.
        steps: after which it is zero.
        begin: share of the steps in which it stays as it is first; 1: in all.
    """

    def factor(step: int) -> float:
        share = min(max(step / steps - begin, 0.0) / max(1.0 - begin, 1 / steps), 1.0)
        if schedule == "linear":
            return 1.0 - share
        if schedule == "cosine":
            return 0.5 * (1.0 + math.cos(math.pi * share))
        return 1.0

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


def make_accelerator(device: str, precision: str) -> Accelerator:
    """Where and in which precision to train.

    Args:
        device: ``auto`` (a GPU where there is one), ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
        precision: ``no``, ``bf16``, ``fp16``, or ``auto`` (:func:`best_precision`).

    Raises:
        RecipeError: there is no such device, or it does not know the precision.
    """
    check_device(device, precision)
    if precision == "auto":
        precision = best_precision(device)
    kind, _, number = device.partition(":")
    gpu = torch.cuda.is_available() or torch.backends.mps.is_available()
    if number:
        # The only way to tell accelerate which one.
        os.environ["ACCELERATE_TORCH_DEVICE"] = device
    # Launched processes find each other on CPUs only if `cpu` is set.
    return Accelerator(cpu=kind == "cpu" or not gpu, mixed_precision=precision)


def best_precision(device: str) -> str:
    """``bf16`` where products of it are native, else ``no``.

    On processors without them (AVX-512-BF16, AMX, ARM's BF16) it is slower than float32.
    """
    if device != "cpu" and torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "no"
    # Older versions of PyTorch do not tell.
    native: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return "bf16" if any(native.get(name) for name in NATIVE_BF16) else "no"


def check_device(device: str, precision: str) -> None:
    """Refuse a device that is not there, or a precision that it does not know.

    Raises:
        RecipeError: an argument cannot be used here.
    """
    if precision not in ("no", "bf16", "fp16", "auto"):
        raise RecipeError(f"precision: {precision!r} is none of no, bf16, fp16, auto")
    kind, _, number = device.partition(":")
    gpus = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if kind not in ("auto", "cpu", *gpus) or (number and not (kind == "cuda" and number.isdigit())):
        raise RecipeError(f"device: {device!r} is none of auto, cpu, cuda, cuda:1, mps")
    if kind in gpus and not gpus[kind]:
        raise RecipeError(f"device: {device}, but PyTorch finds none here; write auto or cpu")
    if number and int(number) >= torch.cuda.device_count():
        raise RecipeError(f"device: {device}, but there are {torch.cuda.device_count()} GPUs")
    if precision == "fp16" and (kind == "cpu" or not any(gpus.values())):
        raise RecipeError("precision: fp16 needs a GPU; write bf16 or no")
