"""Keeping sums of squares out of half precision, where they cancel or overflow."""

import torch
from torch import Tensor


def widen(values: Tensor) -> Tensor:
    """Half-precision tensors as float32; others as they are."""
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values


def without_autocast(like: Tensor) -> torch.autocast:
    """A context in which matrix products keep the precision of their operands."""
    return torch.autocast(like.device.type, enabled=False)
