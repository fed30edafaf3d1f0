"""SSIM and PSNR against scikit-image, segmentation scores against scikit-learn."""

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from sklearn.metrics import jaccard_score

from gancompress.metrics.segmentation import confusion_matrix, scores_of
from gancompress.metrics.similarity import psnr, ssim


def _pairs() -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(0)
    ramp = np.linspace(0, 220, 40)[None, None, None, :] + np.zeros((3, 3, 30, 1))
    noisy = ramp + rng.normal(0, 12, ramp.shape)
    return torch.from_numpy(ramp.astype("u1")), torch.from_numpy(noisy.clip(0, 255).astype("u1"))


def test_ssim_equals_scikit_image() -> None:
    clean, noisy = _pairs()
    theirs = [
        structural_similarity(
            a.numpy(),
            b.numpy(),
            channel_axis=0,
            data_range=255,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        for a, b in zip(clean, noisy, strict=True)
    ]
    np.testing.assert_allclose(ssim(clean, noisy).numpy(), theirs, rtol=1e-6)


def test_psnr_equals_scikit_image() -> None:
    clean, noisy = _pairs()
    theirs = [
        peak_signal_noise_ratio(a.numpy(), b.numpy()) for a, b in zip(clean, noisy, strict=True)
    ]
    np.testing.assert_allclose(psnr(clean, noisy).numpy(), theirs, rtol=1e-12)


def test_iou_equals_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, (4, 16, 16))
    predicted = np.where(rng.random(labels.shape) < 0.6, labels, rng.integers(0, 5, labels.shape))
    found = scores_of(confusion_matrix(torch.from_numpy(predicted), torch.from_numpy(labels), 5))
    theirs = jaccard_score(labels.ravel(), predicted.ravel(), average=None)
    np.testing.assert_allclose(found.iou.numpy(), theirs, rtol=1e-12)
    assert found.mean_iou == pytest.approx(theirs.mean(), rel=1e-12)
    assert found.pixel_accuracy == pytest.approx((labels == predicted).mean(), rel=1e-12)
