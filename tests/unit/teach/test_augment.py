"""Differentiable augmentation, and how often it is applied."""

import math

import pytest
import torch

from gancompress.teach.augment import ADJUST_EVERY, CHANGES, Augment, cut_out, recolor, translate


def test_images_are_shifted_by_at_most_the_share_and_filled_with_black() -> None:
    torch.manual_seed(0)
    images = torch.full((64, 1, 16, 16), -1.0)
    images[:, :, 8, 8] = 1.0
    bright = (translate(images, 0.125) == 1.0).nonzero()
    offsets = bright[:, 2:] - 8
    assert len(bright) == 64
    assert offsets.abs().max() == 2
    assert len({tuple(offset) for offset in offsets.tolist()}) > 5


@pytest.mark.parametrize("name", CHANGES)
def test_gradients_go_back_through_every_change(name: str) -> None:
    images = torch.randn(6, 3, 8, 8, dtype=torch.float64, requires_grad=True)

    def change(images: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(0)
        return CHANGES[name](images)

    assert torch.autograd.gradcheck(change, images)
    assert not torch.equal(change(images), images)


def test_colour_changes_keep_where_things_are() -> None:
    torch.manual_seed(0)
    images = torch.rand(64, 3, 8, 8) * 2 - 1
    changed = recolor(images)
    shifts = (changed - images).mean((1, 2, 3))
    assert 0.35 < shifts.abs().max() <= 0.5
    # Saturation changes nothing of a grey image, and contrast its spread by ½…1½.
    grey = images[:, :1].expand(-1, 3, -1, -1)
    contrast = recolor(grey).flatten(1).std(1) / grey.flatten(1).std(1)
    assert 0.5 <= contrast.min() < 0.6
    assert 1.4 < contrast.max() <= 1.5


@pytest.mark.parametrize("side", [15, 16])
def test_a_rectangle_of_half_the_size_is_greyed_out(side: int) -> None:
    torch.manual_seed(0)
    cut = cut_out(torch.ones(200, 1, side, side)) == 0
    areas = cut.sum((1, 2, 3))
    # At a corner a quarter of it is left.
    assert areas.max() == round(side / 2) ** 2
    assert areas.min() >= (round(side / 2) // 2) ** 2
    assert cut.float().mean(0).min() > 0


def test_what_is_not_chosen_stays_as_it_is() -> None:
    torch.manual_seed(0)
    images = torch.rand(400, 1, 8, 8)
    assert torch.equal(Augment((), 0.0)(images), images)
    assert torch.equal(Augment(("cutout",), 0.6)(images), images)
    augment = Augment(("cutout",), 0.6)
    augment.probability = 0.25
    changed = (augment(images) != images).flatten(1).any(1).float().mean()
    assert abs(float(changed) - 0.25) < 3 * math.sqrt(0.25 * 0.75 / 400)


@pytest.mark.parametrize(("sign", "probability"), [(0.9, 0.7), (0.5, 0.5), (0.3, 0.3)])
def test_probability_follows_the_discriminators_sign_on_real_images(
    sign: float, probability: float
) -> None:
    augment = Augment(("color",), 0.5, adaptation=1000)
    augment.probability = 0.5
    for _ in range(ADJUST_EVERY):
        augment.observe(torch.tensor(sign), 50)
    assert augment.probability == pytest.approx(probability)


def test_probability_stays_one() -> None:
    augment = Augment(("color",), 0.6, adaptation=100)
    for _ in range(5 * ADJUST_EVERY):
        augment.observe(torch.tensor(1.0), 50)
    assert augment.probability == 1.0
    fixed = Augment(("color",), 0.0)
    for _ in range(5 * ADJUST_EVERY):
        fixed.observe(torch.tensor(-1.0), 50)
    assert fixed.probability == 1.0
