"""StyleGAN2 against the paper's equations written out in NumPy and SciPy, float64, per sample."""

import numpy as np
import pytest
import torch
from scipy.signal import convolve2d, correlate2d, upfirdn

from gancompress.generators import fir
from gancompress.generators.stylegan2 import (
    StyleGAN2Generator,
    SynthesisLayer,
    ToRGB,
)
from gancompress.generators.stylegan2_discriminator import EqualizedConv

Array = np.ndarray

BINOMIAL = np.array([1.0, 3.0, 3.0, 1.0]) / 8


def _leaky(x: Array) -> Array:
    return np.where(x > 0, x, 0.2 * x) * np.sqrt(2)


def _clamp(x: Array, bound: float | None) -> Array:
    return x if bound is None else x.clip(-bound, bound)


def _linear(x: Array, layer: torch.nn.Module) -> Array:
    """Equalised learning rate: y = W x · lr / sqrt(fan in) + b · lr."""
    weight, bias = layer.weight.numpy(), layer.bias.numpy()
    y = weight @ x * layer.lr_multiplier / np.sqrt(x.size) + bias * layer.lr_multiplier
    return _leaky(y) if layer.activate else y


def _filter_up(x: Array) -> Array:
    """Each channel to twice its size: upfirdn with gain 2 a dimension, two samples early."""
    for axis in (1, 2):
        long = upfirdn(2 * BINOMIAL, x, up=2, axis=axis)
        x = np.take(long, range(1, 1 + 2 * x.shape[axis]), axis=axis)
    return x


def _modulated(x: Array, weight: Array, style: Array, demodulate: bool) -> Array:
    """Equations 1 and 3 of Karras et al. 2020: the weight of this very sample."""
    own = weight * style[None, :, None, None]
    if demodulate:
        own = own / np.sqrt((own**2).sum(axis=(1, 2, 3), keepdims=True) + 1e-8)
    return own


def _correlate(x: Array, weight: Array) -> Array:
    return np.stack(
        [sum(correlate2d(c, k, mode="same") for c, k in zip(x, ks, strict=True)) for ks in weight]
    )


def _convolve_up(x: Array, weight: Array) -> Array:
    """Zeros between the pixels, true convolution, then the binomial filter with gain 4."""
    channels, height, width = x.shape
    sparse = np.zeros((channels, 2 * height - 1, 2 * width - 1))
    sparse[:, ::2, ::2] = x
    maps = np.stack(
        [sum(convolve2d(c, k) for c, k in zip(sparse, ks, strict=True)) for ks in weight]
    )
    kernel = 4 * np.outer(BINOMIAL, BINOMIAL)
    # One pixel of zeros around and no more: 2H + 1 + 2 - 3 = 2H.
    return np.stack([convolve2d(np.pad(m, 1), kernel, mode="valid") for m in maps])


def _layer(x: Array, w: Array, layer: SynthesisLayer, noise: bool) -> Array:
    weight = layer.weight.numpy()
    own = _modulated(x, weight, _linear(w, layer.affine), demodulate=True)
    h = _convolve_up(x, own) if layer.up else _correlate(x, own)
    if noise:
        h = h + layer.noise_const.numpy() * layer.noise_strength.item()
    return _clamp(_leaky(h + layer.bias.numpy()[:, None, None]), layer.conv_clamp)


def _to_rgb(x: Array, w: Array, layer: ToRGB) -> Array:
    style = _linear(w, layer.affine) / np.sqrt(x.shape[0])
    own = _modulated(x, layer.weight.numpy(), style, demodulate=False)
    return _clamp(_correlate(x, own) + layer.bias.numpy()[:, None, None], layer.conv_clamp)


def _generate(module: StyleGAN2Generator, z: Array, c: Array | None, noise: bool) -> Array:
    mapping = module.mapping
    w = z / np.sqrt((z**2).mean() + 1e-8)
    if c is not None:
        label = _linear(c, mapping.embed)
        w = np.concatenate([w, label / np.sqrt((label**2).mean() + 1e-8)])
    for index in range(mapping.layers):
        w = _linear(w, mapping.get_submodule(f"fc{index}"))
    w = mapping.w_avg.numpy() + module.truncation_psi * (w - mapping.w_avg.numpy())
    h = module.synthesis.b4.const.numpy()
    image = None
    for size in module.synthesis.resolutions:
        block = module.synthesis.get_submodule(f"b{size}")
        if image is not None:
            h = _layer(h, w, block.conv0, noise)
        h = _layer(h, w, block.conv1, noise)
        share = _to_rgb(h, w, block.torgb)
        image = share if image is None else _filter_up(image) + share
    return image


def _network(classes: int, clamp: float | None) -> StyleGAN2Generator:
    torch.manual_seed(0)
    module = StyleGAN2Generator(
        6, classes, 7, resolution=16, channel_base=64, channel_max=5, conv_clamp=clamp
    )
    with torch.no_grad():
        for parameter in (*module.parameters(), module.mapping.w_avg):
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return module.double().eval().requires_grad_(False)


@pytest.mark.parametrize("noise", [False, True])
@pytest.mark.parametrize(("classes", "clamp", "psi"), [(0, None, 1.0), (3, 0.5, 0.7)])
def test_generator_equals_the_equations(
    classes: int, clamp: float | None, psi: float, noise: bool
) -> None:
    module = _network(classes, clamp)
    module.truncation_psi = psi
    module.noise_mode = "const" if noise else "none"
    z = torch.randn(3, 6, dtype=torch.float64)
    c = torch.eye(classes, dtype=torch.float64)[[0, 1, 2]] if classes else None
    images = module(z, c).numpy()
    for sample in range(3):
        label = None if c is None else c[sample].numpy()
        expected = _generate(module, z[sample].numpy(), label, noise)
        np.testing.assert_allclose(images[sample], expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("up", [False, True])
def test_layer_equals_a_convolution_modulated_for_each_sample(up: bool) -> None:
    torch.manual_seed(0)
    layer = SynthesisLayer(4, 5, 6, 8, conv_clamp=None, up=up).double().requires_grad_(False)
    x = torch.randn(2, 4, 4 if up else 8, 4 if up else 8, dtype=torch.float64)
    w = torch.randn(2, 6, dtype=torch.float64)
    maps = layer(x, w, "none").numpy()
    for sample in range(2):
        expected = _layer(x[sample].numpy(), w[sample].numpy(), layer, noise=False)
        np.testing.assert_allclose(maps[sample], expected, rtol=1e-10, atol=1e-12)


def test_image_up_sampling_equals_upfirdn() -> None:
    x = torch.randn(2, 3, 5, 7, dtype=torch.float64)
    expected = np.stack([_filter_up(sample) for sample in x.numpy()])
    np.testing.assert_allclose(fir.upsample(x, fir.fir_kernel()).numpy(), expected, atol=1e-7)


def test_up_sampling_convolves_with_a_lopsided_filter() -> None:
    kernel = torch.rand(4, 4, dtype=torch.float64)
    x = torch.randn(1, 1, 5, 5, dtype=torch.float64)
    sparse = np.zeros((10, 10))
    sparse[::2, ::2] = x[0, 0].numpy()
    expected = convolve2d(np.pad(sparse, ((2, 1), (2, 1))), 4 * kernel.numpy(), mode="valid")
    np.testing.assert_allclose(fir.upsample(x, kernel)[0, 0].numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("size", [1, 3])
def test_down_sampling_filters_before_it_drops(size: int) -> None:
    torch.manual_seed(0)
    layer = EqualizedConv(2, 3, size, None, down=True, linear=True).double().requires_grad_(False)
    x = torch.randn(1, 2, 8, 8, dtype=torch.float64)
    kernel = np.outer(BINOMIAL, BINOMIAL)
    # The filter keeps the size, off by half a pixel; the kernel's own padding comes on top.
    pad = (1, 1) if size == 1 else (2, 2)
    blurred = [convolve2d(np.pad(c, pad), kernel, mode="valid") for c in x[0].numpy()]
    weight = layer.weight.numpy() / np.sqrt(2 * size * size)
    expected = np.stack(
        [
            sum(correlate2d(c, k, mode="valid") for c, k in zip(blurred, ks, strict=True))[::2, ::2]
            for ks in weight
        ]
    )
    np.testing.assert_allclose(layer(x)[0].numpy(), expected, atol=1e-7)
