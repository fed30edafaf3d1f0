"""Output terms: formulas in float64, and what makes each one a loss."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from gancompress.distillation import terms
from gancompress.distillation.terms import TERMS, LossTerm
from gancompress.distillation.terms.term import LossInputs


def function_of(term: LossTerm) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda student, teacher: term.loss(LossInputs(student=student, teacher=teacher))


# Terms that compare both outputs and need nothing else.
OUTPUT = {
    name: function_of(term)
    for name, term in TERMS.items()
    if not term.needs and "image" in (term.outputs or ["image"]) and name != "total_variation"
}


def images(seed: int, *shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(shape, generator=generator, dtype=torch.float64) * 2 - 1


@pytest.mark.parametrize("name", OUTPUT)
def test_output_term_is_zero_at_equality(name: str) -> None:
    image = images(0, 2, 3, 24, 24)
    assert OUTPUT[name](image, image).abs() < 1e-12


@pytest.mark.parametrize("name", OUTPUT)
def test_output_term_grows_with_the_error(name: str) -> None:
    teacher, noise = images(0, 2, 3, 24, 24) * 0.5, images(1, 2, 3, 24, 24) * 0.4
    near, far = (float(OUTPUT[name](teacher + share * noise, teacher)) for share in (0.3, 1.0))
    assert 0 < near < far


@pytest.mark.parametrize("name", OUTPUT)
def test_output_term_has_the_gradient_of_its_formula(name: str) -> None:
    teacher = images(1, 2, 2, 13, 12)
    student = images(0, 2, 2, 13, 12).requires_grad_()
    assert gradcheck(lambda s: OUTPUT[name](s, teacher), student)


@pytest.mark.parametrize("name", [name for name in OUTPUT if name != "wavelet"])
def test_descending_an_output_term_reaches_the_teacher(name: str) -> None:
    teacher = images(1, 1, 1, 16, 16) * 0.8
    student = torch.zeros_like(teacher).requires_grad_()
    optimizer = torch.optim.Adam([student], 0.05)
    for step in range(400):
        optimizer.param_groups[0]["lr"] = 0.05 * (1 - step / 400)
        optimizer.zero_grad()
        OUTPUT[name](student, teacher).backward()
        optimizer.step()
    assert float((student.detach() - teacher).abs().mean()) < 0.02


@pytest.mark.parametrize("name", OUTPUT)
def test_output_term_keeps_its_value_in_bfloat16_training(name: str) -> None:
    student, teacher = images(0, 2, 3, 32, 32).float(), images(1, 2, 3, 32, 32).float()
    expected = float(OUTPUT[name](student.bfloat16().float(), teacher.bfloat16().float()))
    with torch.autocast("cpu", torch.bfloat16):
        value = OUTPUT[name](student.bfloat16(), teacher.bfloat16())
    assert float(value) == pytest.approx(expected, rel=2e-2)


def test_smooth_l1_is_half_the_square_below_one_and_linear_above() -> None:
    zero = torch.zeros(1, dtype=torch.float64)
    assert float(terms.smooth_l1(zero + 0.5, zero)) == pytest.approx(0.125)
    assert float(terms.smooth_l1(zero + 3.0, zero)) == pytest.approx(2.5)


def test_charbonnier_equals_its_formula() -> None:
    student, teacher = images(0, 4, 5), images(1, 4, 5)
    difference = (student - teacher).numpy()
    expected = np.mean(np.sqrt(difference**2 + 1e-6) - 1e-3)
    assert float(terms.charbonnier(student, teacher)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("width", [8, 9])
def test_frequency_term_is_the_mean_over_the_whole_spectrum(width: int) -> None:
    student, teacher = images(0, 2, 3, 7, width), images(1, 2, 3, 7, width)
    spectrum = np.fft.fft2((student - teacher).numpy(), norm="ortho")
    expected = np.abs(spectrum).mean()
    assert float(terms.frequency(student, teacher)) == pytest.approx(expected, rel=1e-12)


def test_total_variation_counts_steps_down_and_across() -> None:
    stripes = torch.tensor([[1.0, -1.0], [1.0, -1.0]])[None, None]
    assert float(terms.total_variation(stripes)) == 2.0
    assert float(terms.total_variation(torch.ones(1, 1, 4, 4))) == 0.0


def test_total_variation_has_the_gradient_of_its_formula() -> None:
    assert gradcheck(terms.total_variation, images(0, 2, 2, 5, 6).requires_grad_())


def test_ssim_of_images_smaller_than_its_window_is_defined() -> None:
    image = images(0, 1, 1, 8, 8)
    assert float(terms.ssim(image, image)) == pytest.approx(0.0, abs=1e-12)
    assert float(terms.ssim(image, image * 0.5)) > 0.05


@pytest.mark.parametrize("name", ["ssim", "ms_ssim"])
def test_an_inverted_image_is_not_structurally_similar(name: str) -> None:
    image = images(0, 1, 1, 32, 32) * 0.5 - 0.4
    assert float(OUTPUT[name](image, -image)) > 0.8


def test_ms_ssim_punishes_inverted_structure_without_breaking() -> None:
    image = images(0, 1, 1, 64, 64).requires_grad_()
    loss = terms.ms_ssim(image, -image.detach())
    loss.backward()
    assert 0.5 < float(loss.detach()) <= 1.0
    assert image.grad is not None and torch.isfinite(image.grad).all()


def test_wavelet_term_compares_details_of_three_levels_and_no_mean() -> None:
    student, teacher = images(0, 2, 3, 17, 24), images(1, 2, 3, 17, 24)
    low, expected = (student - teacher).numpy(), 0.0
    for _ in range(3):
        low = low[..., : low.shape[-2] // 2 * 2, :]
        a, b = low[..., ::2, ::2], low[..., ::2, 1::2]
        c, d = low[..., 1::2, ::2], low[..., 1::2, 1::2]
        bands = [a - b + c - d, a + b - c - d, a - b - c + d]
        expected += np.mean([np.abs(band).mean() / 2 for band in bands])
        low = (a + b + c + d) / 2
    assert float(terms.wavelet(student, teacher)) == pytest.approx(expected, rel=1e-12)
    assert float(terms.wavelet(teacher + 0.3, teacher)) == pytest.approx(0, abs=1e-12)
    assert float(terms.wavelet(student[..., :1, :1], teacher[..., :1, :1])) == 0
