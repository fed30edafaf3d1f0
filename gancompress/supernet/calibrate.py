"""BatchNorm statistics of a subnet.

The running statistics of a supernet are those of no subnet in particular; each narrower one sees
other features and needs statistics of its own (Yu and Huang 2019, "Universally slimmable
networks", section 3.3). They are measured by running batches with every batch norm normalising by
the batch, as in training, while everything else (dropout, spectral norm) stays as in evaluation.
"""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from gancompress.errors import DataError
from gancompress.supernet.supernet import Supernet


def calibrate(module: nn.Module, batches: Iterable[Mapping[str, Tensor]]) -> None:
    """Replace, in place, the running statistics of every batch norm by those of ``batches``.

    Mean and unbiased variance are averaged over the batches, by their numbers of values: the
    cumulative average that ``nn.BatchNorm2d(momentum=None)`` keeps. A module without running
    statistics is run on one batch and left as it is.

    Args:
        module: a plain module, such as an extracted one; its training mode is kept.
        batches: inputs by name, on the module's device. Large ones are better than many: inside a
            batch norm the batch stands for the whole distribution.

    Raises:
        DataError: a batch norm sees a single value a channel.
    """
    modes = {child: child.training for child in module.modules()}
    module.eval()
    try:
        with torch.no_grad():
            observer = _Observer()
            for batch in batches:
                with observer:
                    module(**batch)
                if not observer.averages:
                    return
            for buffer in module.buffers():
                if id(buffer) in observer.averages:
                    buffer.copy_(observer.averages[id(buffer)].value)
    finally:
        for child, training in modes.items():
            child.training = training


def calibrated(
    supernet: Supernet, subnet: Sequence[int], batches: Iterable[Mapping[str, Tensor]]
) -> nn.Module:
    """``subnet`` as a plain module in evaluation mode, with its own statistics.

    The supernet and its running statistics are left as they are.
    """
    module = supernet.extract(subnet).eval()
    calibrate(module, batches)
    return module


# Its arguments, however they are given.
_BATCH_NORM = inspect.signature(F.batch_norm)


class _Average:
    """A statistic of a batch norm, averaged over batches."""

    def __init__(self, buffer: Tensor) -> None:
        self.value = torch.zeros_like(buffer)
        self._count = 0

    def add(self, value: Tensor, count: int) -> None:
        self._count += count
        self.value.lerp_(value, count / self._count)


class _Observer(TorchFunctionMode):
    """While active, batch norms normalise by the batch, and their statistics are averaged.

    It sees the function and not the module, so that batch norms that are no ``nn.BatchNorm2d``
    count as well.

    Attributes:
        averages: by the ``id`` of the buffer that they are for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.averages: dict[int, _Average] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is F.batch_norm:
            return self._observe(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))

    def _observe(self, *args: Any, **kwargs: Any) -> Tensor:
        given = _BATCH_NORM.bind(*args, **kwargs)
        given.apply_defaults()
        call = given.arguments
        input, running_mean, running_var = (
            call[name] for name in ("input", "running_mean", "running_var")
        )
        count = input.numel() // input.shape[1]
        if count < 2:
            raise DataError(
                "calibration: a batch norm sees one value a channel; give batches of two or more"
            )
        if running_mean is None or running_var is None:
            return F.batch_norm(
                **{**call, "running_mean": None, "running_var": None, "training": True}
            )
        # With momentum 1 the function leaves the statistics of the batch itself behind.
        mean, var = torch.zeros_like(running_mean), torch.ones_like(running_var)
        own = {"running_mean": mean, "running_var": var, "training": True, "momentum": 1.0}
        output = F.batch_norm(**{**call, **own})
        for buffer, value in ((running_mean, mean), (running_var, var)):
            self.averages.setdefault(id(buffer), _Average(buffer)).add(value, count)
        return output
