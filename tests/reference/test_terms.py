"""Loss terms against other libraries."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.ndimage import correlate1d
from skimage.metrics import structural_similarity
from torch import Tensor

from gancompress.distillation import terms


def images(seed: int, *shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(shape, generator=generator, dtype=torch.float64) * 2 - 1


def smooth(image: Tensor) -> Tensor:
    return F.avg_pool2d(image, 5, stride=1, padding=2, count_include_pad=False)


def skimage_ssim(a: np.ndarray, b: np.ndarray) -> float:
    value = structural_similarity(
        a,
        b,
        data_range=2.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        channel_axis=0,
    )
    return float(value)


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 47, 28)])
@pytest.mark.parametrize("noise", [0.05, 0.6])
def test_ssim_equals_scikit_image(shape: tuple[int, int, int], noise: float) -> None:
    teacher = smooth(images(0, 2, *shape))
    student = teacher + noise * images(1, 2, *shape)
    expected = np.mean(
        [skimage_ssim(s.numpy() + 1, t.numpy() + 1) for s, t in zip(student, teacher, strict=True)]
    )
    assert float(terms.ssim(student, teacher)) == pytest.approx(1 - expected, abs=1e-12)


def published_ms_ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Wang et al. 2003, eq. 7, of one channel, with every step spelled out in float64."""
    offsets = np.arange(-5, 6)
    window = np.exp(-(offsets**2) / (2 * 1.5**2))
    window /= window.sum()

    def local(image: np.ndarray) -> np.ndarray:
        once = correlate1d(image, window, axis=0)[5:-5]
        return correlate1d(once, window, axis=1)[:, 5:-5]

    c1, c2 = 0.02**2, 0.06**2
    score = 1.0
    for level, exponent in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        mean_a, mean_b = local(a), local(b)
        var_a, var_b = local(a * a) - mean_a**2, local(b * b) - mean_b**2
        covariance = local(a * b) - mean_a * mean_b
        contrast = (2 * covariance + c2) / (var_a + var_b + c2)
        luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
        if level == 4:
            return float(score * np.mean(contrast * luminance) ** exponent)
        score *= np.mean(contrast) ** exponent
        a = (a[::2, ::2] + a[1::2, ::2] + a[::2, 1::2] + a[1::2, 1::2]) / 4
        b = (b[::2, ::2] + b[1::2, ::2] + b[::2, 1::2] + b[1::2, 1::2]) / 4
    raise AssertionError


def test_ms_ssim_equals_the_published_formula() -> None:
    teacher = smooth(images(0, 1, 2, 192, 176))
    student = teacher + 0.2 * images(1, 1, 2, 192, 176)
    expected = np.mean(
        [
            published_ms_ssim(s.numpy() + 1, t.numpy() + 1)
            for s, t in zip(student[0], teacher[0], strict=True)
        ]
    )
    assert float(terms.ms_ssim(student, teacher)) == pytest.approx(1 - expected, abs=1e-10)


def test_ssim_orders_distortions_of_a_photograph_as_scikit_image_does() -> None:
    from skimage.data import astronaut

    photo = torch.from_numpy(astronaut()).double().permute(2, 0, 1)[None, :, :128, 128:256]
    photo = photo / 127.5 - 1
    distorted = [smooth(photo), photo * 0.5, photo + 0.1 * images(0, *photo.shape)]
    ours = [float(terms.ssim(image, photo)) for image in distorted]
    theirs = [1 - skimage_ssim(image[0].numpy() + 1, photo[0].numpy() + 1) for image in distorted]
    assert ours == pytest.approx(theirs, abs=1e-12)
