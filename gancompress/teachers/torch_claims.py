"""What a file claims about its tensors, checked against its bytes before anything is allocated."""

import math
from dataclasses import dataclass
from typing import Any

import torch

from gancompress.teachers.inert import Inert
from gancompress.teachers.pickle_machine import Builders, MalformedError, Mention
from gancompress.teachers.plain_builders import PLAIN_BUILDERS

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
    "torch.ComplexFloatStorage": torch.complex64,
    "torch.ComplexDoubleStorage": torch.complex128,
    "torch.storage.UntypedStorage": torch.uint8,
}

_DTYPE_NAMES = (
    "float32 float16 float64 bfloat16 int64 int32 int16 int8 uint8 bool complex64 complex128 "
    "memory_format contiguous_format channels_last strided"
)

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
    if len(identifier) == 6 and identifier[5] is not None:
        raise MalformedError("a view of a storage, which PyTorch before 0.2 wrote; save it again")
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


def _parameter(tensor: Any = None, *_: Any) -> TensorClaim | Inert:
    if not isinstance(tensor, TensorClaim | Inert):
        raise MalformedError("a parameter without a tensor")
    return tensor


def _size(sizes: Any = ()) -> tuple[int, ...]:
    return _sizes(sizes, "a size")


def _typed(function: Any, _: Any, arguments: Any, *__: Any) -> Any:
    """A tensor of a class that wraps another: ``function`` makes the tensor inside."""
    builder = TORCH_BUILDERS.get(function.name) if isinstance(function, Mention) else None
    if builder not in (claim_tensor, _parameter) or type(arguments) is not tuple:
        raise MalformedError("a tensor of a class without a tensor")
    assert builder is not None
    return builder(*arguments)


# Every global that a state dict of torch.save has use for.
TORCH_BUILDERS: Builders = {
    **PLAIN_BUILDERS,
    "torch._utils._rebuild_tensor": claim_tensor,
    "torch._utils._rebuild_tensor_v2": claim_tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch._tensor._rebuild_from_type_v2": _typed,
    "torch.nn.parameter.Parameter": _parameter,
    "torch.nn.parameter.Buffer": _parameter,
    "torch.Size": _size,
    "torch.device": lambda *_: None,  # everything is read on the CPU
    **dict.fromkeys(STORAGE_DTYPES),
    **dict.fromkeys(f"torch.{name}" for name in _DTYPE_NAMES.split()),
}
