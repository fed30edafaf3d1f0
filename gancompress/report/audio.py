"""Waves as people hear and see them: WAV files and spectrograms."""

import os
import wave
from collections.abc import Mapping

import matplotlib
import torch
from torch import Tensor

from gancompress.atomic import replacing
from gancompress.errors import DataError
from gancompress.metrics.audio import Resolution, resolutions_for, spectrum

# Of a spectrogram: the largest transform, about how many frames, and decibels below the loudest
# that are still told from silence.
LARGEST, FRAMES, DECIBELS = 512, 256, 80


def save_wav(samples: Tensor, path: str | os.PathLike[str], rate: int) -> None:
    """Write a wave (C, T) in [-1, 1] as 16-bit PCM; what is louder is clipped, nothing is scaled.

    Args:
        samples: one channel or two.
        path: of the file.
        rate: samples a second.

    Raises:
        DataError: it is no wave, or holds values that are not finite.
    """
    if samples.ndim != 2 or samples.shape[0] not in (1, 2) or not bool(samples.isfinite().all()):
        raise DataError(f"{path}: a WAV holds finite (1 or 2, T), not {tuple(samples.shape)}")
    whole = (samples.detach().cpu().clamp(-1, 1) * 32767).round().to(torch.int16)
    with replacing(path) as temporary, wave.open(os.fspath(temporary), "wb") as file:
        file.setnchannels(len(whole))
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(whole.t().contiguous().numpy().astype("<i2").tobytes())


def spectrograms(sides: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Pictures (N, 3, H, W), uint8, of the waves (N, C, T) of each side; all on one scale.

    Time goes to the right, frequency upwards; brighter is louder, in dB below the loudest of all.
    Channels are averaged.
    """
    samples = next(iter(sides.values())).shape[-1]
    size = min(LARGEST, resolutions_for(samples)[-1].size)
    how = Resolution(size, max(1, samples // FRAMES), size)
    loud = {
        name: 20 * spectrum(waves.detach().cpu().mean(1, keepdim=True), how).log10()
        for name, waves in sides.items()
    }
    top = max(float(values.max()) for values in loud.values())
    colours = matplotlib.colormaps["magma"]
    found = {}
    for name, values in loud.items():
        shares = (1 + (values - top) / DECIBELS).clamp(0, 1).flip(1)
        pixels = torch.from_numpy(colours(shares.numpy(), bytes=True)[..., :3].copy())
        found[name] = pixels.permute(0, 3, 1, 2)
    return found
