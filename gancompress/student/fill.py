"""A freshly built network becomes the student; an export as Python copies this."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from gancompress.student.refit import drop, set_attributes, set_tensors
from gancompress.supernet.skip import put_skips


def fill(
    module: nn.Module,
    tensors: Mapping[str, Tensor],
    *,
    attributes: Mapping[str, Mapping[str, Any]],
    tied: Mapping[str, str],
    dropped: Sequence[str],
    skipped: Mapping[str, bool],
) -> nn.Module:
    """Give a module at full width the widths and weights of the student, for evaluation."""
    drop(module, dropped)
    put_skips(module, skipped)
    set_attributes(module, attributes)
    set_tensors(module, tensors, tied)
    return module.eval().requires_grad_(False)
