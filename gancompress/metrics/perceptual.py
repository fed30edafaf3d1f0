"""How different two pictures look to a network, layer by layer (Zhang et al. 2018, eq. 1)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gancompress.errors import MetricError
from gancompress.metrics.features import NetworkExtractor
from gancompress.metrics.images import resize, with_channels


def perceptual_distance(
    extractor: NetworkExtractor,
    first: Tensor,
    second: Tensor,
    *,
    weights: Sequence[Tensor] | None = None,
) -> Tensor:
    """Distance of each pair of images; zero for equal ones.

    At each tapped layer the channels of a pixel are scaled to unit length, their squared
    differences weighted, summed over channels and averaged over pixels; layers are added up. With
    the learned weights of LPIPS and its network this is LPIPS; without, its unweighted form, and it
    is named after the network.

    Args:
        extractor: one with ``taps``.
        first, second: (N, C, H, W) of equal shape; uint8, or float in [-1, 1], which is *not*
            rounded to 8 bits here, so that differences below one level count.
        weights: one vector (channels,) for each tap; ones by default.

    Returns:
        (N,) float32.

    Raises:
        MetricError: shapes differ, or the extractor has no taps.
    """
    if first.shape != second.shape or first.dim() != 4:
        raise MetricError(
            f"images of {tuple(first.shape)} and {tuple(second.shape)}; give equal (N, C, H, W)"
        )
    if not extractor.taps:
        raise MetricError(f"extractor {extractor.name} has no taps for a perceptual distance")
    if weights is not None and len(weights) != len(extractor.taps):
        raise MetricError(f"{len(weights)} weights for {len(extractor.taps)} taps")
    total = torch.zeros(len(first))
    pairs = zip(_maps(extractor, first), _maps(extractor, second), strict=True)
    for index, (one, other) in enumerate(pairs):
        squares = (_unit(one) - _unit(other)).square()
        if weights is not None:
            squares = squares * weights[index].to(squares.device).view(1, -1, 1, 1)
        total = total.to(squares.device) + squares.sum(1).mean((1, 2))
    return total


def _maps(extractor: NetworkExtractor, images: Tensor) -> list[Tensor]:
    maps: list[Tensor] = []

    def keep(module: nn.Module, inputs: object, output: Tensor) -> None:
        maps.append(output)

    network = extractor.network
    hooks = [network.get_submodule(tap).register_forward_hook(keep) for tap in extractor.taps]
    values = images.float() if images.dtype == torch.uint8 else (images.float() + 1.0) * 127.5
    anchor = next(network.parameters())
    try:
        with torch.inference_mode():
            prepared = with_channels(values.to(anchor.device), extractor.channels)
            network(resize(prepared, extractor.size, antialias=extractor.antialias))
    finally:
        for hook in hooks:
            hook.remove()
    return maps


def _unit(maps: Tensor) -> Tensor:
    return maps / maps.square().sum(1, keepdim=True).sqrt().clamp_min(1e-10)
