"""Waves as people hear and see them."""

import math
import wave
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from gancompress.errors import DataError
from gancompress.report.audio import save_wav, spectrograms


def tone(frequency: float, loudness: float = 1.0) -> Tensor:
    """One wave (1, 1, 4096) of 8,000 samples a second."""
    time = torch.arange(4096) / 8000
    return loudness * torch.sin(2 * math.pi * frequency * time)[None, None]


def test_a_wav_gives_back_the_samples_of_both_channels_in_turn(tmp_path: Path) -> None:
    file = tmp_path / "two.wav"
    save_wav(torch.tensor([[0.0, 0.5], [-1.0, 1.0]]), file, 8000)
    with wave.open(str(file)) as read:
        assert (read.getnchannels(), read.getframerate(), read.getsampwidth()) == (2, 8000, 2)
        samples = np.frombuffer(read.readframes(2), "<i2")
    assert samples.tolist() == [0, -32767, 16384, 32767]


def test_what_is_louder_than_a_wav_holds_is_clipped(tmp_path: Path) -> None:
    save_wav(torch.tensor([[3.0, -3.0]]), tmp_path / "loud.wav", 8000)
    with wave.open(str(tmp_path / "loud.wav")) as read:
        assert np.frombuffer(read.readframes(2), "<i2").tolist() == [32767, -32767]


@pytest.mark.parametrize("samples", [torch.zeros(3, 8), torch.tensor([[float("nan")]])])
def test_what_is_no_wave_is_refused_and_leaves_no_file(samples: Tensor, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="finite"):
        save_wav(samples, tmp_path / "bad.wav", 8000)
    assert not list(tmp_path.iterdir())


def test_higher_tones_stand_higher_in_a_spectrogram() -> None:
    shown = spectrograms({"low": tone(500), "high": tone(3000)})
    rows = {name: int(p.float().sum((0, 1, 3)).argmax()) for name, p in shown.items()}
    assert rows["high"] < rows["low"]


def test_both_sides_of_a_spectrogram_have_one_scale() -> None:
    shown = spectrograms({"teacher": tone(1000), "student": tone(1000, 0.01)})
    brightest = {name: int(pixels.amax()) for name, pixels in shown.items()}
    assert brightest["student"] < brightest["teacher"]
