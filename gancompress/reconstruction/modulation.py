"""Convolutions whose weight is one parameter under a style of each sample (Karras et al. 2020).

They are recognised by their numbers, however a module computes them. In the published form the
weights of all samples are one convolution with a group for each; in another, inputs are multiplied
by the styles before an ordinary convolution, and its outputs by the demodulation.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from gancompress.reconstruction.layer import Layer, Modulation

# By which share of the largest a number may differ from what it is taken for.
TOLERANCE = 1e-3


def base_of(layer: Layer) -> Tensor:
    """The weight as (outputs, inputs, taps)."""
    assert layer.weight is not None
    weight = layer.weight.transpose(0, 1) if layer.inputs_first else layer.weight
    return weight.flatten(2)


def ungrouped(layer: Layer, base: Tensor) -> Layer | None:
    """A convolution with a group for each sample as one of the weight ``base``, which is laid out
    as the layer's; None where its weights are not ``base`` under styles."""
    samples, weight = layer.groups, layer.weight
    assert weight is not None
    inputs = base.shape[0] if layer.inputs_first else base.shape[1]
    plain = replace(layer, weight=base, groups=1)
    every = [base_of(replace(layer, weight=part)) for part in weight.reshape(samples, *base.shape)]
    modulation = _modulation(torch.stack(every), base_of(plain))
    if modulation is None:
        return None
    sizes = layer.window.sizes
    style = modulation.style.view(samples, inputs, *(1,) * len(sizes))
    source = layer.source.reshape(samples, inputs, *sizes) * style
    return replace(plain, source=source, modulation=modulation)


def grouped(layer: Layer) -> Tensor:
    """The inverse for the weight: that of every sample, as the function wants them."""
    modulation, base = layer.modulation, base_of(layer)
    assert modulation is not None and layer.weight is not None
    weights = modulation.style[:, None, :, None] * base
    weights = weights * layer.factors()[:, :, None, None]
    if layer.inputs_first:
        weights = weights.transpose(1, 2)
    return weights.reshape(-1, *layer.weight.shape[1:])


def modulated(layer: Layer, style: Tensor) -> Layer:
    """An ordinary convolution as one whose outputs are demodulated after it."""
    return replace(layer, modulation=Modulation(style.reshape(len(style), -1), 1.0))


def spread(factors: Tensor, columns: int) -> Tensor:
    """Factors (N, outputs) for columns sample by sample: (outputs, columns)."""
    return factors.mT.repeat_interleave(columns // len(factors), 1)


def _modulation(weights: Tensor, base: Tensor) -> Modulation | None:
    """How ``weights`` (N, outputs, inputs, taps) follow from ``base`` (outputs, inputs, taps)."""
    powers = base.square().sum(2)
    clearest = int(powers.amin(1).argmax())
    style = (weights[:, clearest] * base[clearest]).sum(2) / powers[clearest].clamp_min(1e-30)
    scaled = style[:, None, :, None] * base
    largest = weights.abs().max()
    if bool((scaled - weights).abs().max() <= TOLERANCE * largest):
        return Modulation(style, None)
    gain = weights[0, 0].norm()
    size = gain / scaled.norm(dim=(2, 3), keepdim=True).clamp_min(1e-30)
    if bool((scaled * size - weights).abs().max() <= TOLERANCE * largest):
        return Modulation(style, float(gain))
    return None


def candidates(layer: Layer, parameters: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """Parameters that the weight of a convolution with groups may be one of, laid out as it."""
    assert layer.weight is not None
    first, second = layer.weight.shape[0] // layer.groups, layer.weight.shape[1]
    kernel = layer.weight.shape[2:]
    for name, parameter in parameters.items():
        if parameter.numel() == first * second * kernel.numel() and parameter.dim() > 2:
            tensor = parameter.detach()
            yield name, tensor.view(first, second, *kernel)
            yield name, tensor.view(second, first, *kernel).transpose(0, 1)


def is_demodulation(factor: Tensor, style: Tensor, base: Tensor) -> bool:
    """Whether ``factor`` (N × outputs) is in proportion to one over the norm of the weight ``base``
    (outputs, inputs, taps) under ``style`` (N, inputs)."""
    ratio = factor.reshape(len(style), -1) / Modulation(style, 1.0).factors(
        base.permute(1, 2, 0).flatten(0, 1)[None]
    )
    return bool((ratio - ratio.mean()).abs().max() <= TOLERANCE * ratio.abs().mean())
