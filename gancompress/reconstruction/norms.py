"""Norms on a layer's way: going back through the teacher's, and statistics of the student's own."""

from collections.abc import Sequence

import torch
from torch import Tensor

from gancompress.reconstruction.layer import Layer, Moments


def before_norm(
    target: Tensor, layer: Layer, norm: tuple[Layer, Moments], channels: Tensor, at: Tensor
) -> Tensor:
    """What becomes ``target`` (channels, columns) by the teacher's norm, with the moments that the
    teacher's own maps have there."""
    whole, moments = norm
    mean, deviation = (layer.sampled(m.expand(whole.source.shape), at)[channels] for m in moments)
    if whole.bias is not None:
        target = target - whole.bias[channels, None]
    if whole.weight is not None:
        size = whole.weight[channels, None]
        # Channels that are switched off cannot make up for anything.
        target = target / torch.where(size.abs() < 1e-3, torch.inf, size)
    return target * deviation + mean


def renew_statistics(layers: Sequence[Layer], start: Tensor) -> Tensor:
    """Give a batch norm the statistics of what it gets now; returns the scale and shift (as
    ``start`` is laid out) with which it still does what it did."""
    layer = layers[0]
    assert layer.statistics is not None
    mean, variance, eps = layer.statistics
    maps = [part.source.transpose(0, 1).flatten(1).double() for part in layers]
    count = sum(m.shape[1] for m in maps)
    new_mean = torch.stack([m.sum(1) for m in maps]).sum(0) / count
    squares = torch.stack([(m - new_mean[:, None]).square().sum(1) for m in maps]).sum(0)
    new_variance = squares / max(count - 1, 1)
    ratio = ((new_variance + eps) / (variance.double() + eps)).sqrt()
    shift = (new_mean - mean.double()) / (variance.double() + eps).sqrt()
    result = start.double().clone()
    result[:, 0, 0] = start[:, 0, 0].double() * ratio
    if layer.bias is not None:
        result[:, 1, 0] = start[:, 1, 0].double() + start[:, 0, 0].double() * shift
    mean.copy_(new_mean)
    variance.copy_(new_variance)
    return result
