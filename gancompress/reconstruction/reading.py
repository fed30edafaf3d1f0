"""From a call of a function to the layer that it is: one literal table."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from gancompress.reconstruction.layer import Layer, Moments
from gancompress.reconstruction.window import Window, pointwise

Arguments = Mapping[str, Any]

# Numbers that an embedding may tell apart: its matrix is the square of that.
MOST_NUMBERS = 1024

_CONVOLUTION = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
_TRANSPOSED = (*_CONVOLUTION[:5], "output_padding", "groups", "dilation")
_INSTANCE = (
    *("input", "running_mean", "running_var", "weight", "bias"),
    *("use_input_stats", "momentum", "eps"),
)
_BATCH = (*_INSTANCE[:5], "training", "momentum", "eps")


def read(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Layer | None:
    """The layer that a call is; None where it is none that can be written as linear equations."""
    entry = _TABLE.get(func)
    if entry is None:
        return None
    names, reader = entry
    return reader({**dict(zip(names, args, strict=False)), **kwargs})


def weight_places(func: Any) -> list[tuple[str, int]]:
    """Where among the arguments of a layer's function weight and bias stand: name and position."""
    names, _ = _TABLE[func]
    weight = "other" if "other" in names else "weight"
    return [(name, names.index(name)) for name in (weight, "bias") if name in names]


def _spread(value: Any, dims: int) -> tuple[int, ...]:
    """One number a dimension, of one for all or one each."""
    numbers = (value,) if isinstance(value, int) else tuple(int(v) for v in value)
    return numbers * dims if len(numbers) == 1 else numbers


def _convolution(given: Arguments) -> Layer:
    source, weight = given["input"], given["weight"]
    dims = weight.dim() - 2
    kernel = tuple(weight.shape[2:])
    stride, dilation = (_spread(given.get(n, 1), dims) for n in ("stride", "dilation"))
    reach = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    padding = given.get("padding", 0)
    sizes = tuple(source.shape[-dims:])
    if padding == "same":
        before, out = tuple(r // 2 for r in reach), sizes
    else:
        before = (0,) * dims if padding == "valid" else _spread(padding, dims)
        out = tuple(
            (size + 2 * pad - r - 1) // step + 1
            for size, pad, r, step in zip(sizes, before, reach, stride, strict=True)
        )
    window = Window(
        sizes=sizes, out=out, kernel=kernel, stride=stride, padding=before, dilation=dilation
    )
    groups = given.get("groups", 1)
    return Layer(
        kind="convolution",
        source=source,
        weight=weight,
        bias=given.get("bias"),
        groups=groups,
        window=window,
    )


def _transposed(given: Arguments) -> Layer:
    source, weight = given["input"], given["weight"]
    dims = weight.dim() - 2
    kernel = tuple(weight.shape[2:])
    stride, dilation = (_spread(given.get(n, 1), dims) for n in ("stride", "dilation"))
    padding, extra = (_spread(given.get(n, 0), dims) for n in ("padding", "output_padding"))
    sizes = tuple(source.shape[-dims:])
    out = tuple(
        (sizes[d] - 1) * stride[d] - 2 * padding[d] + dilation[d] * (kernel[d] - 1) + extra[d] + 1
        for d in range(dims)
    )
    window = Window(
        sizes=sizes,
        out=out,
        kernel=kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
        transposed=True,
    )
    groups, bias = given.get("groups", 1), given.get("bias")
    layer = Layer(
        kind="transposed convolution",
        source=source,
        weight=weight,
        bias=bias,
        groups=groups,
        window=window,
        inputs_first=True,
    )
    return layer if bias is not None else replace(layer, phases=window.phases)


def _linear(given: Arguments) -> Layer:
    source = given["input"]
    window = pointwise(prod(source.shape[1:-1]))
    return Layer(
        kind="linear",
        source=source,
        weight=given["weight"],
        bias=given.get("bias"),
        groups=1,
        window=window,
        channels_last=True,
    )


def _matmul(given: Arguments) -> Layer | None:
    source, weight = given["input"], given["other"]
    if not isinstance(weight, Tensor) or weight.dim() != 2 or source.dim() < 2:
        return None
    window = pointwise(prod(source.shape[1:-1]))
    return Layer(
        kind="linear",
        source=source,
        weight=weight,
        bias=None,
        groups=1,
        window=window,
        channels_last=True,
        inputs_first=True,
    )


def _embedding(given: Arguments) -> Layer | None:
    """A table is a linear layer of vectors that are one in the place of a number, zero elsewhere;
    those of more than :data:`MOST_NUMBERS` numbers are not solved for."""
    numbers, weight = given["input"], given["weight"]
    if len(weight) > MOST_NUMBERS or given.get("max_norm") is not None or numbers.dim() == 0:
        return None
    return Layer(
        kind="embedding",
        source=F.one_hot(numbers.long(), len(weight)).to(weight.dtype),
        weight=weight,
        bias=None,
        groups=1,
        window=pointwise(prod(numbers.shape[1:])),
        channels_last=True,
        inputs_first=True,
    )


def _norm(given: Arguments, moments: Callable[[Tensor], Moments]) -> Layer:
    """A norm whose scale and shift are one number a channel, which is the second dimension."""
    source = given["input"]
    weight, bias = given.get("weight"), given.get("bias")
    last = source.dim() == 2
    window = pointwise(prod(source.shape[2:]))
    return Layer(
        kind="norm",
        source=source,
        weight=weight,
        bias=bias,
        groups=source.shape[1],
        window=window,
        channels_last=last,
        moments=moments,
    )


def _instance_norm(given: Arguments) -> Layer | None:
    if not given.get("use_input_stats", True) or given["input"].dim() < 3:
        return None
    eps = given.get("eps", 1e-5)
    return _norm(given, lambda x: _moments(x, tuple(range(2, x.dim())), eps))


def _group_norm(given: Arguments) -> Layer:
    groups, eps = given["num_groups"], given.get("eps", 1e-5)

    def moments(x: Tensor) -> Moments:
        mean, deviation = _moments(x.reshape(x.shape[0], groups, -1), (2,), eps)
        shape = (x.shape[0], x.shape[1], *(1,) * (x.dim() - 2))
        each = x.shape[1] // groups
        return (
            mean.expand(-1, -1, each).reshape(shape),
            deviation.expand(-1, -1, each).reshape(shape),
        )

    return _norm(given, moments)


def _batch_norm(given: Arguments) -> Layer | None:
    mean, variance, eps = given["running_mean"], given["running_var"], given.get("eps", 1e-5)
    if given.get("training") or mean is None or variance is None:
        return None

    def moments(x: Tensor) -> Moments:
        shape = (-1, *(1,) * (x.dim() - 2))
        return mean.view(shape), (variance + eps).sqrt().view(shape)

    return replace(_norm(given, moments), statistics=(mean, variance, eps))


def _over_last(
    given: Arguments, shape: Sequence[int], moments: Callable[[Tensor], Moments]
) -> Layer:
    """A norm over the trailing dimensions, with a scale and shift for each place in them."""
    source, size = given["input"], prod(shape)
    weight, bias = given.get("weight"), given.get("bias")
    window = pointwise(source.numel() // (source.shape[0] * size))
    return Layer(
        kind="norm",
        source=source,
        weight=weight,
        bias=bias,
        groups=size,
        window=window,
        channels_last=True,
        moments=moments,
    )


def _layer_norm(given: Arguments) -> Layer:
    shape, eps = given["normalized_shape"], given.get("eps", 1e-5)
    return _over_last(given, shape, lambda x: _moments(x, tuple(range(-len(shape), 0)), eps))


def _rms_norm(given: Arguments) -> Layer:
    shape, eps = given["normalized_shape"], given.get("eps")
    over = tuple(range(-len(shape), 0))

    def moments(x: Tensor) -> Moments:
        least = torch.finfo(x.dtype).eps if eps is None else eps
        return x.new_zeros(()), (x.square().mean(over, keepdim=True) + least).sqrt()

    return _over_last(given, shape, moments)


def _moments(x: Tensor, over: tuple[int, ...], eps: float) -> Moments:
    variance, mean = torch.var_mean(x, over, correction=0, keepdim=True)
    return mean, (variance + eps).sqrt()


_Entry = tuple[tuple[str, ...], Callable[[Arguments], Layer | None]]

_TABLE: dict[Any, _Entry] = {
    **dict.fromkeys((F.conv1d, F.conv2d, F.conv3d), (_CONVOLUTION, _convolution)),
    **dict.fromkeys(
        (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d), (_TRANSPOSED, _transposed)
    ),
    F.linear: (("input", "weight", "bias"), _linear),
    **dict.fromkeys(
        (torch.matmul, torch.mm, Tensor.matmul, Tensor.mm, Tensor.__matmul__),
        (("input", "other"), _matmul),
    ),
    F.embedding: (("input", "weight", "padding_idx", "max_norm"), _embedding),
    F.batch_norm: (_BATCH, _batch_norm),
    F.instance_norm: (_INSTANCE, _instance_norm),
    F.group_norm: (("input", "num_groups", "weight", "bias", "eps"), _group_norm),
    F.layer_norm: (("input", "normalized_shape", "weight", "bias", "eps"), _layer_norm),
    F.rms_norm: (("input", "normalized_shape", "weight", "eps"), _rms_norm),
}
