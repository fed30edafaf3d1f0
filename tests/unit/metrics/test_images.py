import pytest
import torch

from gancompress.errors import MetricError
from gancompress.metrics.images import as_uint8, check_uint8, resize, with_channels


def test_floats_are_rounded_and_clamped_not_stretched() -> None:
    values = torch.tensor([-3.0, -1.0, 0.0, 0.2, 1.0, 3.0])
    assert as_uint8(values).tolist() == [0, 0, 128, 153, 255, 255]
    dull = torch.tensor([-0.1, 0.1])
    assert as_uint8(dull).tolist() == [115, 140]


def test_uint8_passes_untouched() -> None:
    images = torch.arange(256, dtype=torch.uint8)
    assert as_uint8(images) is images


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_images_that_are_not_finite_are_refused(value: float) -> None:
    with pytest.raises(MetricError, match="diverged"):
        as_uint8(torch.tensor([0.0, value]))


def test_other_integers_are_refused() -> None:
    with pytest.raises(MetricError, match="int64"):
        as_uint8(torch.tensor([0, 255]))


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        (torch.zeros(1, 3, 8, 8), "float32"),
        (torch.zeros(1, 4, 8, 8, dtype=torch.uint8), "alpha"),
        (torch.zeros(3, 8, 8, dtype=torch.uint8), r"\(3, 8, 8\)"),
        (torch.zeros(0, 3, 8, 8, dtype=torch.uint8), "no images"),
    ],
)
def test_what_is_not_a_batch_of_8_bit_images_is_refused(images: torch.Tensor, reason: str) -> None:
    with pytest.raises(MetricError, match=reason):
        check_uint8(images)


def test_grey_becomes_rgb_by_repetition() -> None:
    grey = torch.randint(0, 256, (2, 1, 4, 4), dtype=torch.uint8)
    assert torch.equal(with_channels(grey, 3), grey.float().repeat(1, 3, 1, 1))


def test_rgb_becomes_grey_by_luma_as_in_pillow() -> None:
    from PIL import Image

    rgb = torch.randint(0, 256, (1, 3, 16, 16), dtype=torch.uint8)
    pillow = Image.fromarray(rgb[0].permute(1, 2, 0).numpy()).convert("L")
    theirs = torch.tensor(list(pillow.tobytes())).view(16, 16)
    assert float((with_channels(rgb, 1)[0, 0] - theirs).abs().max()) < 1.0


def test_images_of_the_right_size_are_not_resampled() -> None:
    images = torch.rand(1, 3, 8, 8)
    assert resize(images, 8, antialias=True) is images
