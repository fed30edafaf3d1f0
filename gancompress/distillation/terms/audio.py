"""Loss terms on waves (N, C, T)."""

from torch import Tensor

from gancompress.metrics.audio import stft_distance


def stft(student: Tensor, teacher: Tensor) -> Tensor:
    """Multi-resolution STFT distance, mean over samples; 0 where both spectra are equal.

    Yamamoto et al. 2020 (Parallel WaveGAN), eq. 6, with its three resolutions; of short waves,
    those that fit. Phases are not compared, so put ``l1`` beside it where the wave itself matters.
    """
    return stft_distance(student, teacher).mean()
