"""Metrics of pictures themselves: perceptual, pixel by pixel, along paths, and by segmentation."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from PIL import Image

from gancompress.errors import MetricError
from gancompress.metrics.memorisation import save_neighbours
from gancompress.metrics.path_length import path_length
from gancompress.metrics.perceptual import perceptual_distance
from gancompress.metrics.segmentation import IGNORED, confusion_matrix, segmentation_scores
from gancompress.metrics.similarity import ms_ssim, psnr, ssim
from tests.unit.metrics.networks import pictures, tiny


def test_perceptual_distance_is_a_distance_of_pairs() -> None:
    first, second = pictures(4), pictures(4, seed=1)
    found = perceptual_distance(tiny(), first, second)
    assert found.shape == (4,) and bool((found > 0).all())
    torch.testing.assert_close(found, perceptual_distance(tiny(), second, first))
    assert perceptual_distance(tiny(), first, first).abs().max() == 0


def test_perceptual_distance_follows_its_formula() -> None:
    first, second = pictures(2), pictures(2, seed=1)
    weights = torch.rand(12)
    maps = [tiny().network.conv(images / 255.0) for images in (first, second)]  # type: ignore[operator]
    one, other = (m / m.norm(dim=1, keepdim=True) for m in maps)
    expected = ((one - other) ** 2 * weights.view(1, -1, 1, 1)).sum(1).mean((1, 2))
    found = perceptual_distance(tiny(), first, second, weights=[weights])
    torch.testing.assert_close(found, expected.detach())


def test_perceptual_distance_sees_less_than_one_level() -> None:
    images = pictures(2).float() / 127.5 - 1.0
    assert bool((perceptual_distance(tiny(), images, images + 1e-3) > 0).all())


def test_perceptual_distance_needs_taps() -> None:
    with pytest.raises(MetricError, match="no taps"):
        perceptual_distance(replace(tiny(), taps=()), pictures(1), pictures(1))


def test_pixel_scores_of_equal_images() -> None:
    images = pictures(2, size=176)
    assert bool(torch.isinf(psnr(images, images)).all())
    for score in (ssim, ms_ssim):
        torch.testing.assert_close(
            score(images, images), torch.ones(2, dtype=torch.float64), rtol=0, atol=1e-12
        )


def test_pixel_scores_fall_with_noise() -> None:
    images = pictures(2, size=176)
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    noisy = [(images + level * noise).clamp(0, 255).to(torch.uint8) for level in (5, 20, 60)]
    for score in (psnr, ssim, ms_ssim):
        values = [float(score(images, one).mean()) for one in noisy]
        assert values == sorted(values, reverse=True)


@pytest.mark.parametrize(
    ("score", "size", "reason"), [(ssim, 10, "needs 11 px"), (ms_ssim, 175, "needs 176 px")]
)
def test_windows_need_room(score, size: int, reason: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(MetricError, match=reason):
        score(pictures(1, size=size), pictures(1, size=size))


def test_pixel_scores_refuse_other_shapes_and_types() -> None:
    with pytest.raises(MetricError, match="give equal"):
        psnr(pictures(1), pictures(2))
    with pytest.raises(MetricError, match="give uint8"):
        psnr(pictures(1).float(), pictures(1))


def _squared(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    return (first - second).square().sum((1, 2, 3))


def test_path_length_of_a_line_is_its_squared_length() -> None:
    starts, ends = (
        torch.zeros(5, 3, dtype=torch.float64),
        torch.eye(3, dtype=torch.float64)[[0] * 5],
    )
    found = path_length(lambda z: 2.0 * z[:, :, None, None], starts, ends, _squared, path="line")
    torch.testing.assert_close(found, torch.full((5,), 4.0, dtype=torch.float64), rtol=1e-6, atol=0)


def test_path_length_on_the_sphere_is_the_squared_angle() -> None:
    starts = torch.tensor([[2.0, 0.0]], dtype=torch.float64)
    ends = torch.tensor([[0.0, 5.0]], dtype=torch.float64)
    found = path_length(lambda z: z[:, :, None, None], starts, ends, _squared, path="sphere")
    assert float(found) == pytest.approx((torch.pi / 2) ** 2, rel=1e-6)


def test_path_length_takes_a_perceptual_distance() -> None:
    found = path_length(
        lambda z: z.view(-1, 3, 8, 8).tanh(),
        torch.randn(3, 192),
        torch.randn(3, 192),
        partial(perceptual_distance, tiny()),
        path="sphere",
        epsilon=1e-2,
    )
    assert found.shape == (3,) and bool((found > 0).all())


def test_trimming_takes_the_tails_away() -> None:
    starts, ends = torch.zeros(200, 1), torch.arange(200.0)[:, None] + 1

    def kept(trim: bool) -> torch.Tensor:
        return path_length(
            lambda z: z[:, :, None, None], starts, ends, _squared, path="line", epsilon=1, trim=trim
        )

    assert torch.equal(kept(True), kept(False).sort().values[2:-2])


def test_segmentation_scores_of_a_perfect_network() -> None:
    labels = torch.randint(0, 3, (2, 8, 8))
    labels[0, 0, 0] = IGNORED

    def perfect(images: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.one_hot(images[:, 0].long() % 3, 3).movedim(-1, 1).float()

    found = segmentation_scores(perfect, [(labels[:, None].float(), labels)], classes=3)
    assert (found.mean_iou, found.pixel_accuracy) == (1.0, 1.0)


def test_classes_that_never_occur_do_not_count() -> None:
    labels = torch.zeros(1, 2, 2, dtype=torch.int64)
    found = segmentation_scores(
        lambda images: torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1).expand(1, 3, 1, 1),
        [(torch.zeros(1, 3, 2, 2), labels)],
        classes=3,
    )
    assert found.mean_iou == 1.0
    assert found.iou.isnan().tolist() == [False, True, True]


def test_label_maps_that_do_not_fit_are_refused() -> None:
    with pytest.raises(MetricError, match="label map holds class 7"):
        confusion_matrix(torch.zeros(2, 2), torch.full((2, 2), 7), 3)
    with pytest.raises(MetricError, match=r"expected \(N, 3, h, w\)"):
        segmentation_scores(
            lambda images: images, [(torch.zeros(1, 2, 4, 4), torch.zeros(1, 4, 4))], classes=3
        )
    with pytest.raises(MetricError, match="no pixel"):
        segmentation_scores(lambda images: images, [], classes=3)


def test_neighbours_are_drawn_beside_what_was_generated(tmp_path: Path) -> None:
    images = pictures(2)
    save_neighbours(images, [pictures(3, seed=s) for s in (1, 2)], tmp_path / "n.png", scale=1)
    with Image.open(tmp_path / "n.png") as picture:
        assert picture.size == (4 * (8 + 4) + 4, 2 * (8 + 4))
        assert picture.getpixel((2, 2)) == tuple(images[0, :, 0, 0].tolist())
