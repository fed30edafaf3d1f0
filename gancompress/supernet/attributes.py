"""Numbers that modules keep beside their tensors and that follow from the tensors' sizes.

A layer whose weight is cut must also be told its new ``in_channels``, ``groups`` or
``normalized_shape``: while a subnet runs (put back afterwards) and for good in an extracted module.
:data:`FOLLOWS` lists, for the layers of ``torch.nn``, which attribute equals which dimension of
their input or output; ``groups``, ``num_groups`` and LayerNorm's ``normalized_shape`` are noted by
the rules of the operators themselves.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

from torch import Tensor, nn

from gancompress.supernet.trace import Size, Walk

Side = Literal["input", "output"]

FOLLOWS: tuple[tuple[type[nn.Module], str, Side, int], ...] = (
    (nn.Linear, "in_features", "input", -1),
    (nn.Linear, "out_features", "output", -1),
    (nn.Conv1d, "in_channels", "input", -2),
    (nn.Conv1d, "out_channels", "output", -2),
    (nn.Conv2d, "in_channels", "input", -3),
    (nn.Conv2d, "out_channels", "output", -3),
    (nn.Conv3d, "in_channels", "input", -4),
    (nn.Conv3d, "out_channels", "output", -4),
    (nn.ConvTranspose1d, "in_channels", "input", -2),
    (nn.ConvTranspose1d, "out_channels", "output", -2),
    (nn.ConvTranspose2d, "in_channels", "input", -3),
    (nn.ConvTranspose2d, "out_channels", "output", -3),
    (nn.ConvTranspose3d, "in_channels", "input", -4),
    (nn.ConvTranspose3d, "out_channels", "output", -4),
    (nn.BatchNorm1d, "num_features", "input", 1),
    (nn.BatchNorm2d, "num_features", "input", 1),
    (nn.BatchNorm3d, "num_features", "input", 1),
    (nn.SyncBatchNorm, "num_features", "input", 1),
    (nn.InstanceNorm1d, "num_features", "input", -2),
    (nn.InstanceNorm2d, "num_features", "input", -3),
    (nn.InstanceNorm3d, "num_features", "input", -4),
    (nn.GroupNorm, "num_channels", "input", 1),
    (nn.Embedding, "embedding_dim", "output", -1),
    (nn.RNNCellBase, "input_size", "input", -1),
    (nn.RNNCellBase, "hidden_size", "output", -1),
    (nn.MultiheadAttention, "embed_dim", "input", -1),
)


Values = Mapping[tuple[str, str], Any]
_ABSENT = object()


def note_attributes(walk: Walk, module: nn.Module, given: Tensor | None, made: Any) -> None:
    """Record the attributes of ``module``, which has just turned ``given`` into ``made``."""
    sides = {"input": given, "output": made[0] if isinstance(made, tuple) and made else made}
    for kind, name, side, dim in FOLLOWS:
        tensor = sides[side]
        if isinstance(module, kind) and isinstance(tensor, Tensor):
            size: Size = (tensor.shape[dim], walk.dims(tensor)[dim])
            if getattr(module, name, None) == size[0]:
                walk.attribute(name, [size])
    if isinstance(module, nn.RMSNorm) and isinstance(given, Tensor):
        count = len(module.normalized_shape)
        sizes = list(zip(given.shape, walk.dims(given), strict=True))[-count:]
        walk.attribute("normalized_shape", sizes, is_tuple=True)


@contextmanager
def patched(modules: Mapping[str, nn.Module], values: Values) -> Iterator[None]:
    """Give the modules' attributes ``values`` for as long as the context lasts."""
    before = {(path, name): modules[path].__dict__.get(name, _ABSENT) for path, name in values}
    try:
        set_attributes(modules, values)
        yield
    finally:
        set_attributes(modules, before)


def set_attributes(modules: Mapping[str, nn.Module], values: Values) -> None:
    """Give the modules' attributes ``values`` for good."""
    for (path, name), value in values.items():
        if value is _ABSENT:
            modules[path].__dict__.pop(name, None)
        else:
            modules[path].__dict__[name] = value
