"""`sample WHAT`: pictures or a film of what a generator makes."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from gancompress.assemble.open_generator import GeneratorFile, open_generator
from gancompress.batch import DRAWN, Batch, InputSpec, draw_inputs
from gancompress.errors import DataError, RecipeError
from gancompress.generators.consingan import ConSinGANGenerator
from gancompress.generators.walk import inputs_between
from gancompress.report.film import WRITERS, save_film
from gancompress.report.grid import save_grid

COLUMNS = 8

# Of a film: walks beside each other, and frames from one sample to the next.
WALKS = 4
FRAMES = 12


@dataclass(frozen=True)
class Noise:
    """How the noise of a row of samples is drawn.

    Attributes:
        start_stage: of a generator with noise at several stages, the first whose noise differs from
            sample to sample; what is coarser is that of the first one.
        scale: normal noise is multiplied by this.
    """

    start_stage: int = 0
    scale: float = 1.0

    def title(self) -> str:
        """What tells its row from others."""
        return f"from stage {self.start_stage}, noise × {self.scale:g}"


@dataclass(frozen=True)
class _Source:
    """A generator, what it is fed, and the names of its noise, coarsest stage first."""

    module: nn.Module
    inputs: InputSpec
    stages: Sequence[str]

    @torch.no_grad()
    def images(self, batch: Batch, first: Batch, noise: Noise) -> Tensor:
        """Images of ``batch``, whose coarse noise is that of ``first``; one at a time."""
        for number, name in enumerate(self.stages):
            drawn = first if number < noise.start_stage else batch
            batch = {**batch, name: noise.scale * drawn[name]}
        count = len(batch[self.stages[0]]) if self.stages else len(next(iter(batch.values())))
        # A picture may be large.
        rows = [{n: value[row : row + 1] for n, value in batch.items()} for row in range(count)]
        return torch.cat([self.module(**row) for row in rows])


def sample(
    what: GeneratorFile,
    output: Path,
    *,
    count: int,
    seed: int,
    size: str = "",
    noises: Sequence[Noise] = (Noise(),),
) -> None:
    """Write ``count`` samples of a generator of drawn inputs to ``output`` as one PNG.

    Where ``output`` ends in ``.gif``, ``.webp`` or ``.mp4``, it is a film that walks from sample to
    sample and back to the first, four walks beside each other.

    Args:
        what: the generator.
        output: of the picture or film.
        count: samples, or those that a walk passes.
        seed: of the samples.
        size: ``height x width`` of the images, e.g. ``96x256``, of a generator that makes any;
            empty: as it was trained.
        noises: how the noise is drawn; of several, each has a row of its own.

    Raises:
        DataError: its inputs cannot be drawn, it makes images of one size only, or it has fewer
            stages.
    """
    generator = open_generator(what)
    inputs = generator.inputs
    if fed := [name for name, entry in inputs.items() if entry.kind not in DRAWN]:
        raise DataError(f"{what}: is fed {', '.join(fed)}, which cannot be drawn from a seed")
    if size:
        inputs = _sized(what, generator.module, size)
    stages = [n for n, entry in inputs.items() if entry.kind in ("normal", "truncated_normal")]
    source = _Source(generator.module, inputs, stages)
    for noise in noises:
        if not 0 <= noise.start_stage < max(1, len(stages)):
            raise DataError(
                f"{what}: --start-stage {noise.start_stage}: it has {len(stages)} stages of noise; "
                f"give 0 to {max(1, len(stages)) - 1}"
            )
    if output.suffix.lower() in WRITERS:
        _film(source, output, count, seed, noises)
    elif len(noises) == 1:
        _picture(source, output, count, seed, noises[0])
    else:
        batch = draw_inputs(inputs, range(count), seed)
        first = draw_inputs(inputs, [0] * count, seed)
        save_grid({noise.title(): source.images(batch, first, noise) for noise in noises}, output)


def _picture(source: _Source, output: Path, count: int, seed: int, noise: Noise) -> None:
    """All samples, some to a row."""
    first = draw_inputs(source.inputs, [0] * count, seed)
    images = source.images(draw_inputs(source.inputs, range(count), seed), first, noise)
    columns = min(count, COLUMNS)
    rows = list(torch.split(images, columns))
    if len(rows[-1]) < columns:
        blank = torch.ones_like(images[:1]).expand(columns - len(rows[-1]), -1, -1, -1)
        rows[-1] = torch.cat([rows[-1], blank])
    width = math.ceil(math.log10(count + 1))
    titles = [f"{row * columns + 1:{width}d}" for row in range(len(rows))]
    save_grid(dict(zip(titles, rows, strict=True)), output)


def _film(source: _Source, output: Path, count: int, seed: int, noises: Sequence[Noise]) -> None:
    """Walks from sample to sample; frame 2.5 is half way from the second to the third."""
    frames = []
    # A multiple of the samples away, so that no walk passes another's.
    starts = [walk * count for walk in range(WALKS)]
    coarse = draw_inputs(source.inputs, starts, seed)
    for place in range(count):
        first = [start + place for start in starts]
        second = [start + (place + 1) % count for start in starts]
        for step in range(FRAMES):
            share = step / FRAMES
            batch = inputs_between(source.inputs, first, second, share, seed=seed)
            rows = {noise.title(): source.images(batch, coarse, noise) for noise in noises}
            if len(noises) == 1:
                rows = {f"{place + 1 + share:.2f}": images for images in rows.values()}
            frames.append(rows)
    save_film(frames, output, milliseconds=80)


def _sized(what: GeneratorFile, module: nn.Module, size: str) -> InputSpec:
    found = re.fullmatch(r"(\d+)x(\d+)", size)
    if found is None:
        raise RecipeError(f"--size {size}: write height x width in pixels, e.g. 96x256")
    if not isinstance(module, ConSinGANGenerator):
        raise DataError(f"{what}: makes images of one size; leave out --size")
    return module.inputs_for((int(found[1]), int(found[2])))
