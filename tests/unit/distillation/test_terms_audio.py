"""The loss term of waves."""

import pytest
import torch
from torch import Tensor

from gancompress.distillation.terms.audio import stft
from gancompress.errors import MetricError


def tones(*hertz: float, samples: int = 4096, phase: float = 0.0) -> Tensor:
    """Sines (N, 1, samples) of 16,000 samples a second."""
    seconds = torch.arange(samples) / 16_000
    return torch.stack([(2 * torch.pi * f * seconds + phase).sin()[None] for f in hertz]) / 2


def test_equal_waves_are_at_no_distance() -> None:
    assert float(stft(tones(440.0), tones(440.0))) == 0


def test_the_term_hears_pitch_and_not_phase() -> None:
    wave = tones(440.0)
    turned, other = tones(440.0, phase=1.5), tones(660.0)
    # Sample by sample both are as far away.
    assert float((turned - wave).abs().mean()) > 0.3
    assert float(stft(turned, wave)) < 0.3 * float(stft(other, wave))


def test_descending_the_term_reaches_the_spectrum() -> None:
    wave = tones(440.0, 600.0, samples=1500)
    torch.manual_seed(0)
    made = (wave + 0.1 * torch.randn_like(wave)).requires_grad_()
    before = float(stft(made.detach(), wave))
    optimizer = torch.optim.Adam([made], 2e-3)
    for _ in range(60):
        optimizer.zero_grad()
        stft(made, wave).backward()
        optimizer.step()
    assert float(stft(made.detach(), wave)) < 0.9 * before


def test_silence_has_a_finite_gradient() -> None:
    made = torch.zeros(1, 1, 2048, requires_grad=True)
    stft(made, tones(440.0, samples=2048)).backward()
    assert made.grad is not None
    assert bool(made.grad.isfinite().all())
    assert bool(stft(tones(440.0), torch.zeros(1, 1, 4096)).isfinite())


@pytest.mark.parametrize("samples", [17, 100, 300])
def test_short_waves_have_short_transforms(samples: int) -> None:
    assert float(stft(tones(440.0, samples=samples), tones(900.0, samples=samples))) > 0


@pytest.mark.parametrize("shape", [(1, 1, 16), (1, 3, 8, 8), (0, 1, 99)])
def test_what_is_no_wave_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(MetricError, match="wave"):
        stft(torch.zeros(shape), torch.zeros(shape))
