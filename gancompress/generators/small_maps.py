"""Convolutions of small maps on a CPU: one product of matrices for each pixel of the smaller map.

Near the border a kernel meets padding: of 4×4 kernels on 4×4 pixels, padded by 1 and moved on by 2,
7/16 of what they meet. Here that is left out, and what is left runs at the speed of the products
(``benchmarks/distill.py``). All of it can be differentiated twice.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

Index = tuple[slice | int, ...]


def fits(x: Tensor, pixels: int) -> bool:
    """Whether ``x`` (N, C, H, W) is better convolved here: at most ``pixels`` wide and high."""
    return (
        x.device.type == "cpu"
        and max(x.shape[2:]) <= pixels
        and not torch.is_autocast_enabled("cpu")
    )


def conv2d(x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    """As ``F.conv2d``: ``x`` (N, C, H, W), ``weight`` (O, C, k, k)."""
    result: Tensor = _Conv.apply(x.permute(0, 2, 3, 1), weight.permute(0, 2, 3, 1), stride, padding)
    return result.permute(0, 3, 1, 2)


def conv_transpose2d(x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    """As ``F.conv_transpose2d``: ``x`` (N, C, H, W), ``weight`` (C, O, k, k)."""
    result: Tensor = _ConvTranspose.apply(
        x.permute(0, 2, 3, 1), weight.permute(0, 2, 3, 1), stride, padding
    )
    return result.permute(0, 3, 1, 2)


class _Conv(torch.autograd.Function):
    """From a large map (N, H, W, C) by a kernel (O, k, k, C) to a small one (N, h, w, O).

    Autograd by itself would write a map of zeros for every product.
    """

    @staticmethod
    def forward(ctx: Any, large: Tensor, kernel: Tensor, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(large, kernel)
        ctx.moves = stride, padding
        size = [(s + 2 * padding - kernel.size(1)) // stride + 1 for s in large.shape[1:3]]
        return _gathered(large, kernel, size, ctx.moves)

    @staticmethod
    def backward(ctx: Any, small: Tensor) -> tuple[Tensor | None, ...]:
        large, kernel = ctx.saved_tensors
        of_large, of_kernel = ctx.needs_input_grad[:2]
        return (
            _scattered(small, kernel, large.shape[1:3], ctx.moves) if of_large else None,
            _correlated(large, small, kernel.shape, ctx.moves) if of_kernel else None,
            None,
            None,
        )


class _ConvTranspose(torch.autograd.Function):
    """The way back: from (N, h, w, O) by (O, k, k, C) to (N, H, W, C)."""

    @staticmethod
    def forward(ctx: Any, small: Tensor, kernel: Tensor, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(small, kernel)
        ctx.moves = stride, padding
        size = [(s - 1) * stride - 2 * padding + kernel.size(1) for s in small.shape[1:3]]
        return _scattered(small, kernel, size, ctx.moves)

    @staticmethod
    def backward(ctx: Any, large: Tensor) -> tuple[Tensor | None, ...]:
        small, kernel = ctx.saved_tensors
        of_small, of_kernel = ctx.needs_input_grad[:2]
        return (
            _gathered(large, kernel, small.shape[1:3], ctx.moves) if of_small else None,
            _correlated(large, small, kernel.shape, ctx.moves) if of_kernel else None,
            None,
            None,
        )


def _gathered(large: Tensor, kernel: Tensor, size: Sequence[int], moves: tuple[int, int]) -> Tensor:
    """Every pixel of the small map from the window that it sees."""
    small = large.new_empty(len(large), *size, len(kernel))
    for pixel, window, used in _windows(size, large.shape[1:3], kernel.size(1), moves):
        small[pixel] = large[window].flatten(1) @ kernel[used].flatten(1).T
    return small


def _scattered(
    small: Tensor, kernel: Tensor, size: Sequence[int], moves: tuple[int, int]
) -> Tensor:
    """Every pixel of the small map spread over the window that it sees."""
    large = small.new_zeros(len(small), *size, kernel.size(3))
    for pixel, window, used in _windows(small.shape[1:3], size, kernel.size(1), moves):
        spread = small[pixel] @ kernel[used].flatten(1)
        large[window] += spread.view(large[window].shape)
    return large


def _correlated(
    large: Tensor, small: Tensor, shape: Sequence[int], moves: tuple[int, int]
) -> Tensor:
    """What every weight of the kernel joins, over all samples and pixels."""
    kernel = large.new_zeros(*shape)
    for pixel, window, used in _windows(small.shape[1:3], large.shape[1:3], shape[1], moves):
        joined = small[pixel].T @ large[window].flatten(1)
        kernel[used] += joined.view(kernel[used].shape)
    return kernel


def _windows(
    small: Sequence[int], large: Sequence[int], kernel: int, moves: tuple[int, int]
) -> Iterator[tuple[Index, Index, Index]]:
    """Each pixel of the small map, its window in the large one, and the kernel's part therein."""
    stride, padding = moves
    every = slice(None)
    for i in range(small[0]):
        rows, upright = _overlap(i * stride - padding, kernel, large[0])
        for j in range(small[1]):
            columns, across = _overlap(j * stride - padding, kernel, large[1])
            yield (every, i, j), (every, rows, columns), (every, upright, across)


def _overlap(first: int, kernel: int, length: int) -> tuple[slice, slice]:
    """Where a kernel that begins at ``first`` meets a map of ``length``: there, and in itself."""
    begin, end = max(first, 0), min(first + kernel, length)
    return slice(begin, end), slice(begin - first, end - first)
