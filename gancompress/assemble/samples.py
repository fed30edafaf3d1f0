"""Pictures of a training: what the student makes of the same few inputs, over time."""

from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from gancompress.atomic import replacing
from gancompress.data.images import to_uint8
from gancompress.report.film import save_film
from gancompress.report.grid import save_grid


class Samples:
    """A grid for each evaluation of a training, and a film of them all.

    Args:
        folder: receives ``<stage>-<step>.png`` and, at the end, ``<stage>.webp``.
        stage: of the run.
        main_process: the others write nothing.
    """

    def __init__(self, folder: Path, stage: str, main_process: bool) -> None:
        self._folder, self._stage, self._main = folder, stage, main_process
        self._frames = folder / f"{stage}.safetensors"

    def __call__(
        self, step: int, outputs: Mapping[str, Tensor], frame: Tensor | None = None
    ) -> None:
        """Draw rows of outputs by title; what is no image is passed.

        The film gets ``frame``, or the last row.
        """
        if not self._main or not all(_is_image(output) for output in outputs.values()):
            return
        save_grid(outputs, self._folder / f"{self._stage}-{step:07d}.png")
        # What was drawn of steps that a resumed training does again is dropped.
        frames = {name: x for name, x in self._drawn().items() if name < _title(step)}
        shown = list(outputs.values())[-1] if frame is None else frame
        frames[_title(step)] = to_uint8(shown.detach().cpu()).contiguous()
        with replacing(self._frames) as temporary:
            safetensors.torch.save_file(frames, temporary)

    def film(self) -> None:
        """Make the film of what was drawn, if anything was."""
        frames = self._drawn() if self._main else {}
        if frames:
            rows = [{title: images} for title, images in sorted(frames.items())]
            save_film(rows, self._folder / f"{self._stage}.webp")
            self._frames.unlink()

    def _drawn(self) -> dict[str, Tensor]:
        return safetensors.torch.load_file(self._frames) if self._frames.is_file() else {}


def _title(step: int) -> str:
    return f"step {step:07d}"


def _is_image(output: Tensor) -> bool:
    return output.ndim == 4 and output.shape[1] in (1, 3) and bool(torch.isfinite(output).all())
