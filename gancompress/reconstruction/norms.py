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


Statistics = tuple[int, Tensor, Tensor]


def statistics_of(layer: Layer) -> Statistics:
    """How many numbers of each channel a batch norm is given, their mean, and the sum of their
    squared deviations from it."""
    maps = layer.source.transpose(0, 1).flatten(1).double()
    mean = maps.mean(1)
    return maps.shape[1], mean, (maps - mean[:, None]).square().sum(1)


def renew_statistics(layer: Layer, found: Sequence[Statistics]) -> Tensor:
    """Give a batch norm the statistics ``found`` of what it gets in every batch; returns the matrix
    of the scale and shift with which it still does what it did."""
    assert layer.statistics is not None
    mean, variance, eps = layer.statistics
    start = layer.matrix()
    count = sum(number for number, *_ in found)
    new_mean = torch.stack([number * mean for number, mean, _ in found]).sum(0) / count
    squares = torch.stack(
        [rest + number * (mean - new_mean).square() for number, mean, rest in found]
    ).sum(0)
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
