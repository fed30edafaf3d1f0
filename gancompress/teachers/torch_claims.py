"""What a file claims about its tensors, checked against its bytes before anything is allocated."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from gancompress.teachers.pickle_machine import Builders, MalformedError, Mention, plain_key

STORAGE_DTYPES: dict[str, torch.dtype] = {
    "torch.FloatStorage": torch.float32,
    "torch.DoubleStorage": torch.float64,
    "torch.HalfStorage": torch.float16,
    "torch.BFloat16Storage": torch.bfloat16,
    "torch.LongStorage": torch.int64,
    "torch.IntStorage": torch.int32,
    "torch.ShortStorage": torch.int16,
    "torch.CharStorage": torch.int8,
    "torch.ByteStorage": torch.uint8,
    "torch.BoolStorage": torch.bool,
    "torch.storage.UntypedStorage": torch.uint8,
}

# What PyTorch itself can have of dimensions and elements.
_DIMENSIONS = 64
_LARGEST = 1 << 63


@dataclass(frozen=True)
class StorageClaim:
    """A run of numbers: its type, its length, and its bytes in the file.

    Attributes:
        dtype: of the elements.
        numel: number of elements.
        source: what holds them: the key of a record, or the bytes of a nested ``torch.save``.
    """

    dtype: torch.dtype
    numel: int
    source: str | bytes

    @property
    def nbytes(self) -> int:
        """Bytes that the elements take."""
        return self.numel * self.dtype.itemsize


@dataclass(frozen=True)
class TensorClaim:
    """A view of a storage, found to lie inside it and not to repeat its elements."""

    storage: StorageClaim
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


def claim_storage(identifier: Any) -> StorageClaim:
    """Read the persistent identifier of a storage: ('storage', class, key, location, length, …)."""
    if type(identifier) is not tuple or len(identifier) not in (5, 6):
        raise MalformedError("a persistent identifier that names no storage")
    kind, mention, key, _, numel = identifier[:5]
    if kind != "storage" or not isinstance(mention, Mention) or not isinstance(key, str):
        raise MalformedError("a persistent identifier that names no storage")
    if mention.name not in STORAGE_DTYPES:
        raise MalformedError(f"a storage of type {mention.name}")
    (numel,) = _sizes((numel,), "a storage's length")
    return StorageClaim(STORAGE_DTYPES[mention.name], numel, key)


def claim_tensor(
    storage: Any, offset: Any, shape: Any, stride: Any, *_: Any, what: str = "a tensor"
) -> TensorClaim:
    """Check a tensor's claim; what follows the strides (gradients, hooks) is left alone.

    Raises:
        MalformedError: it reaches beyond its storage, or is larger than it (a stride of 0).
    """
    if not isinstance(storage, StorageClaim):
        raise MalformedError(f"{what} without a storage")
    (offset,) = _sizes((offset,), "a tensor's offset")
    shape, stride = _sizes(shape, "a tensor's shape"), _sizes(stride, "a tensor's strides")
    if len(shape) != len(stride):
        raise MalformedError(f"shape {shape} with strides {stride}")
    numel = math.prod(shape)
    reach = 1 + sum((n - 1) * s for n, s in zip(shape, stride, strict=True)) if numel else 0
    if max(offset + reach, numel) > storage.numel:
        size = storage.dtype.itemsize
        raise MalformedError(
            f"claims a tensor of shape {shape}, {max(offset + reach, numel) * size:,} bytes, "
            f"but its storage holds {storage.nbytes:,}"
        )
    return TensorClaim(storage, offset, shape, stride)


def _sizes(values: Any, what: str) -> tuple[int, ...]:
    whole = type(values) in (tuple, list) and all(type(v) is int for v in values)
    if not whole or len(values) > _DIMENSIONS or not all(0 <= v < _LARGEST for v in values):
        raise MalformedError(f"{what} that no tensor has")
    return tuple(values)


def _parameter(tensor: Any, *_: Any) -> TensorClaim:
    if not isinstance(tensor, TensorClaim):
        raise MalformedError("a parameter without a tensor")
    return tensor


def plain_dict(items: Sequence[Sequence[Any]] = ()) -> dict[Any, Any]:
    """A dict of ``items``; Python 2 gave them as arguments, later versions set them afterwards."""
    if type(items) not in (list, tuple):
        raise MalformedError("items that are no list")
    return {plain_key(key): value for key, value in items}


def _size(sizes: Any = ()) -> tuple[int, ...]:
    return _sizes(sizes, "a size")


# Every global that a state dict of torch.save has use for.
TORCH_BUILDERS: Builders = {
    "collections.OrderedDict": plain_dict,
    "torch._utils._rebuild_tensor": claim_tensor,
    "torch._utils._rebuild_tensor_v2": claim_tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch.nn.parameter.Parameter": _parameter,
    "torch.Size": _size,
    **dict.fromkeys(STORAGE_DTYPES),
}
