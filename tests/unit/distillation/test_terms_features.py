"""Feature terms: formulas in float64, gradients, and what they refuse."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from gancompress.distillation import terms
from gancompress.errors import DataError

# Functions of both sides' maps alone.
FEATURES = {
    "perceptual": terms.perceptual,
    "style": terms.style,
    "kernel_alignment": terms.kernel_alignment,
    "channel_means": terms.channel_means,
}


def maps(seed: int, channels: tuple[int, ...] = (3, 4), n: int = 4) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    sizes = (6, 3)
    return [
        torch.randn(n, c, size, size, generator=generator, dtype=torch.float64)
        for c, size in zip(channels, sizes, strict=True)
    ]


@pytest.mark.parametrize("name", FEATURES)
def test_feature_term_has_the_gradient_of_its_formula(name: str) -> None:
    teacher = maps(1)
    student = [level.requires_grad_() for level in maps(0)]
    assert gradcheck(lambda *levels: FEATURES[name](levels, teacher), tuple(student))


@pytest.mark.parametrize("name", FEATURES)
def test_feature_term_is_smallest_at_equality(name: str) -> None:
    teacher = maps(1)
    best = float(FEATURES[name](teacher, teacher))
    assert best == pytest.approx(-1.0 if name == "kernel_alignment" else 0.0, abs=1e-12)
    assert float(FEATURES[name](maps(0), teacher)) > best + 1e-3


@pytest.mark.parametrize("name", FEATURES)
def test_descending_a_feature_term_reaches_its_optimum(name: str) -> None:
    teacher = maps(1)
    student = [level.requires_grad_() for level in maps(0)]
    best, start = (float(FEATURES[name](levels, teacher).detach()) for levels in (teacher, student))
    optimizer = torch.optim.Adam(student, 0.05)
    for step in range(300):
        optimizer.param_groups[0]["lr"] = 0.05 * (1 - step / 300)
        optimizer.zero_grad()
        FEATURES[name](student, teacher).backward()
        optimizer.step()
    end = float(FEATURES[name](student, teacher).detach())
    assert end - best < 0.02 * (start - best)


def test_feature_matching_weighs_its_levels() -> None:
    student, teacher = maps(0), maps(1)
    expected = sum(
        weight * np.abs((s - t).numpy()).mean()
        for s, t, weight in zip(student, teacher, (0.25, 2.0), strict=True)
    )
    value = terms.feature_matching(student, teacher, (0.25, 2.0))
    assert float(value) == pytest.approx(expected, rel=1e-12)


def test_feature_matching_refuses_another_number_of_weights() -> None:
    with pytest.raises(DataError, match="2 of the student, 2 of the teacher, 1 weights"):
        terms.feature_matching(maps(0), maps(1), [1.0])


def test_feature_matching_refuses_maps_of_another_resolution() -> None:
    with pytest.raises(DataError, match="feature level 0"):
        terms.perceptual(maps(0)[:1], maps(1)[1:])


def test_style_compares_gram_matrices() -> None:
    student, teacher = maps(0), maps(1)

    def gram(level: Tensor) -> np.ndarray:
        array = level.numpy()
        return np.einsum("nchw,ndhw->ncd", array, array) / array[0].size

    expected = sum(np.abs(gram(s) - gram(t)).mean() for s, t in zip(student, teacher, strict=True))
    assert float(terms.style(student, teacher)) == pytest.approx(expected, rel=1e-12)


def test_style_does_not_see_where_things_are() -> None:
    student = maps(0)
    moved = [level.flip(-1) for level in student]
    assert float(terms.style(student, moved)) == pytest.approx(0.0, abs=1e-12)
    assert float(terms.perceptual(student, moved)) > 0.1


def test_mmd_compares_sets_and_not_samples() -> None:
    teacher = maps(1)
    in_another_order = [level.flip(0) for level in teacher]
    assert float(terms.mmd(in_another_order, teacher)) == pytest.approx(0, abs=1e-12)
    near, far = (float(terms.mmd([t + shift for t in teacher], teacher)) for shift in (0.05, 0.5))
    assert 0 < near < far


def test_mmd_is_that_of_gaussian_kernels() -> None:
    level, other = maps(0)[0], maps(1)[0]
    x, y = level.flatten(2).mean(-1).numpy(), other.flatten(2).mean(-1).numpy()
    both = np.concatenate([x, y])

    def squared(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return ((a[:, None] - b[None]) ** 2).sum(-1)

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        scale = squared(both, both).mean()
        return float(np.mean([np.exp(-squared(a, b) / (scale * h)) for h in (0.5, 1, 2)]))

    expected = kernel(x, x) + kernel(y, y) - 2 * kernel(x, y)
    assert float(terms.mmd([level], [other])) == pytest.approx(expected, rel=1e-9)


def adapters(
    seed: int, teacher: tuple[int, ...], student: tuple[int, ...]
) -> tuple[list[Tensor], list[Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    weights = [
        torch.randn(t, s, generator=generator, dtype=torch.float64)
        for t, s in zip(teacher, student, strict=True)
    ]
    biases = [torch.randn(t, generator=generator, dtype=torch.float64) for t in teacher]
    return weights, biases


def test_adapted_mse_of_a_subnet_uses_the_leading_columns() -> None:
    student, teacher = maps(0, (2, 3)), maps(1, (5, 6))
    weights, biases = adapters(2, (5, 6), (4, 4))
    expected = 0.0
    for s, t, weight, bias in zip(student, teacher, weights, biases, strict=True):
        leading = weight[:, : s.shape[1]].numpy()
        adapted = np.einsum("tc,nchw->nthw", leading, s.numpy()) + bias.numpy()[:, None, None]
        expected += np.square(adapted - t.numpy()).mean()
    value = terms.adapted_mse(student, teacher, weights, biases)
    assert float(value) == pytest.approx(expected, rel=1e-12)


def test_adapted_mse_trains_student_and_adapter() -> None:
    teacher = maps(1, (5, 6), n=2)
    student = [level.requires_grad_() for level in maps(0, (2, 3), n=2)]
    weights, biases = adapters(2, (5, 6), (4, 4))
    learned = [value.requires_grad_() for value in (*weights, *biases)]
    assert gradcheck(
        lambda a, b, v, w, x, y: terms.adapted_mse([a, b], teacher, [v, w], [x, y]),
        (*student, *learned),
    )


def test_adapted_mse_refuses_a_map_wider_than_its_adapter() -> None:
    weights, biases = adapters(2, (5, 6), (2, 2))
    with pytest.raises(DataError, match="cannot take 3 channels to 5"):
        terms.adapted_mse(maps(0, (3, 3)), maps(1, (5, 6)), weights, biases)


def test_kernel_alignment_equals_its_formula_for_other_channels_and_sizes() -> None:
    student, teacher = maps(0, (3, 4)), maps(1, (7, 2))
    teacher = [level[..., ::2, ::2] for level in teacher]
    expected = []
    for s, t in zip(student, teacher, strict=True):
        x, y = s.flatten(1).numpy(), t.flatten(1).numpy()
        xx, yy = x @ x.T, y @ y.T
        expected.append(-np.sum(xx * yy) / np.sqrt(np.sum(xx**2) * np.sum(yy**2)))
    value = terms.kernel_alignment(student, teacher)
    assert float(value) == pytest.approx(np.mean(expected), rel=1e-12)


def test_kernel_alignment_does_not_see_scale_or_rotation_of_channels() -> None:
    student = maps(0, (3, 4))
    turn = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64))[0]
    turned = torch.einsum("dc,nchw->ndhw", turn, student[0]) * 1e3
    assert float(terms.kernel_alignment(student[:1], [turned])) == pytest.approx(-1.0, abs=1e-9)


def test_kernel_alignment_of_large_half_precision_maps_is_finite() -> None:
    level = torch.randn(4, 64, 64, 64).half() * 100
    with torch.autocast("cpu", torch.bfloat16):
        value = terms.kernel_alignment([level], [level])
    assert float(value) == pytest.approx(-1.0, abs=1e-4)


def test_channel_means_do_not_see_where_things_are() -> None:
    student, teacher = maps(0), maps(1)
    expected = sum(
        np.square(s.numpy().mean((2, 3)) - t.numpy().mean((2, 3))).mean()
        for s, t in zip(student, teacher, strict=True)
    )
    assert float(terms.channel_means(student, teacher)) == pytest.approx(expected, rel=1e-12)
    assert float(terms.channel_means(student, [s.flip(-1) for s in student])) < 1e-12


def test_channel_means_refuse_other_channels() -> None:
    with pytest.raises(DataError, match="channel means"):
        terms.channel_means(maps(0, (3, 4)), maps(1, (4, 4)))


def test_latent_directions_equal_their_formula() -> None:
    student, student_moved = maps(0), maps(1)
    teacher, teacher_moved = maps(2, (5, 2)), maps(3, (5, 2))

    def rows(a: Tensor, b: Tensor) -> np.ndarray:
        x, y = a.flatten(1).numpy(), b.flatten(1).numpy()
        cosine = x @ y.T / np.outer(np.linalg.norm(x, axis=1), np.linalg.norm(y, axis=1))
        return np.exp(cosine) / np.exp(cosine).sum(axis=1, keepdims=True)

    expected = 0.0
    for s, s_moved, t, t_moved in zip(student, student_moved, teacher, teacher_moved, strict=True):
        p, q = rows(t, t_moved), rows(s, s_moved)
        expected += (p * np.log(p / q)).sum(axis=1).mean()
    value = terms.latent_directions(student, student_moved, teacher, teacher_moved)
    assert float(value) == pytest.approx(expected, rel=1e-10)


def test_latent_directions_have_the_gradient_of_their_formula() -> None:
    teacher, moved = maps(2)[:1], maps(3)[:1]
    inputs = (maps(0)[0].requires_grad_(), maps(1)[0].requires_grad_())
    assert gradcheck(lambda s, m: terms.latent_directions([s], [m], teacher, moved), inputs)
