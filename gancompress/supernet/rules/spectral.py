"""Fourier transforms, complex numbers, and patches laid out as channels."""

from collections.abc import Sequence
from math import prod

import numpy as np

from gancompress.supernet.axes import Dims
from gancompress.supernet.rules.elementwise import FIXED
from gancompress.supernet.rules.products import INPUT, count, sized
from gancompress.supernet.trace import Operator, Walk


def fourier(walk: Walk, op: Operator) -> Sequence[Dims]:
    """``_fft_r2c``, ``_fft_c2r``, ``_fft_c2c``: transformed dimensions are positions."""
    dims = list(walk.dims(op["self"]))
    for d in op["dim"]:
        walk.pin(dims[d], "is Fourier-transformed along its channels")
        dims[d] = None
    return [tuple(dims)]


def as_real(walk: Walk, op: Operator) -> Sequence[Dims]:
    """``view_as_real``: a new last dimension of real and imaginary part."""
    return [(*walk.dims(op["self"]), None)]


def as_complex(walk: Walk, op: Operator) -> Sequence[Dims]:
    """``view_as_complex``: the last dimension was real and imaginary part."""
    *dims, pair = walk.dims(op["self"])
    walk.pin(pair, "is the real and the imaginary part of numbers")
    return [tuple(dims)]


def patches(walk: Walk, op: Operator) -> Sequence[Dims]:
    """``im2col``: every channel becomes one for each position of the kernel."""
    *batch, ids, height, width = walk.dims(op["self"])
    for positions in (height, width):
        walk.pin_kernel(positions)
    if ids is not None:
        ids = np.repeat(ids, prod(op["kernel_size"]))
    return [(*batch, ids, None)]


def from_patches(walk: Walk, op: Operator) -> Sequence[Dims]:
    """``col2im``: the inverse of ``im2col``, overlaps summed."""
    *batch, ids, positions = walk.dims(op["self"])
    walk.pin_kernel(positions)
    if ids is not None:
        blocks = ids.reshape(-1, prod(op["kernel_size"]))
        walk.ids.tie(blocks, blocks[:, :1])
        ids = blocks[:, 0].copy()
    return [(*batch, ids, None, None)]


def shuffled(walk: Walk, op: Operator) -> Sequence[Dims]:
    """``channel_shuffle``: the j-th channel of every group, then the next of every group."""
    dims = list(walk.dims(op["self"]))
    if dims[1] is not None:
        blocks = dims[1].reshape(op["groups"], -1)
        walk.ids.tie(blocks, blocks[:1])
        dims[1] = blocks.T.reshape(-1)
    return [tuple(dims)]


def deformed(walk: Walk, op: Operator) -> Sequence[Dims]:
    """torchvision's ``deform_conv2d``: offsets and masks are positions of the kernel."""
    source, weight, bias = op["input"], op["weight"], op["bias"]
    for name in ("offset", "mask"):
        walk.pin(walk.dims(op[name])[1], "is an offset or a mask of a deformable convolution")
    for d in (2, 3):
        walk.pin_kernel(walk.dims(weight)[d])
        walk.pin_kernel(walk.dims(source)[d])
    sizes = [*sized(walk, source, 0), *sized(walk, weight, 0, 1)]
    count(walk, op, sizes, prod(weight.shape[2:]) * prod(op.out.shape[2:]))
    made, taken = walk.dims(weight)[:2]
    if op["groups"] == 1 and op["offset_groups"] == 1:
        walk.merge([walk.dims(source)[1], taken], INPUT)
    else:
        for ids in (walk.dims(source)[1], taken, made):
            walk.pin(ids, "is convolved in groups, deformably")
    if bias is not None and made is not None:
        made = walk.merge([made, walk.dims(bias)[0]], FIXED)
    return [(walk.dims(source)[0], made, None, None)]
