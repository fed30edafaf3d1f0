"""What a report shows of outputs that are no images: waves to be heard, film to be watched."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from gancompress.data.encoding import decode_output
from gancompress.data.live import Pairs
from gancompress.data.outputs import OutputKind, output_kind
from gancompress.report.audio import save_wav, spectrograms
from gancompress.report.film import save_film
from gancompress.report.grid import save_grid

# Samples, frames of a strip, and milliseconds a frame of a film.
SAMPLES, FRAMES, MILLISECONDS = 4, 8, 80

# In the folder of a report.
FILM = "film.webp"


def draw_media(
    student: nn.Module, pairs: Pairs, samples: range, rate: int, folder: Path
) -> OutputKind:
    """Write what there is to be heard or seen of the teacher's answers and the student's.

    Args:
        student: in evaluation mode.
        pairs: recorded or live.
        samples: of the pairs; the first few are shown.
        rate: samples a second of waves.
        folder: receives ``teacher-1.wav``, ``student-1.wav``, … and ``samples.png``, the
            spectrograms; or ``film.webp`` and ``samples.png``, the frames; nothing for other kinds.

    Returns:
        The kind of the outputs.
    """
    inputs, answers = pairs.batch(samples[:SAMPLES])
    kind = output_kind(answers.shape)
    if kind in ("audio", "video"):
        with torch.no_grad():
            sides = {"teacher": decode_output(answers), "student": student(**inputs)}
        if kind == "audio":
            _save_waves(sides, rate, folder)
        else:
            _save_clips(sides, folder)
    return kind


def _save_waves(sides: Mapping[str, Tensor], rate: int, folder: Path) -> None:
    for name, waves in sides.items():
        for number, one in enumerate(waves, 1):
            save_wav(one, folder / f"{name}-{number}.wav", rate)
    save_grid(spectrograms(sides), folder / "samples.png", scale=1)


def _save_clips(sides: Mapping[str, Tensor], folder: Path) -> None:
    length = next(iter(sides.values())).shape[2]
    save_film(
        [{name: clips[:, :, frame] for name, clips in sides.items()} for frame in range(length)],
        folder / FILM,
        milliseconds=MILLISECONDS,
    )
    shown = torch.linspace(0, length - 1, min(FRAMES, length)).round().long()
    first = {name: clips[0].transpose(0, 1)[shown] for name, clips in sides.items()}
    save_grid(first, folder / "samples.png", [str(int(frame)) for frame in shown])
