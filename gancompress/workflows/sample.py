"""`sample WHAT`: pictures that a generator makes, in one grid."""

import math
import re
from pathlib import Path

import torch

from gancompress.assemble.open_generator import GeneratorFile, open_generator
from gancompress.batch import DRAWN, InputSpec, draw_inputs
from gancompress.errors import DataError, RecipeError
from gancompress.generators.consingan import ConSinGANGenerator
from gancompress.generators.walk import inputs_between
from gancompress.report.gif import save_gif
from gancompress.report.grid import save_grid

COLUMNS = 8

# Of a film: walks beside each other, and frames from one sample to the next.
WALKS = 4
FRAMES = 12


def sample(
    what: GeneratorFile,
    output: Path,
    *,
    count: int,
    seed: int,
    size: str = "",
) -> None:
    """Write ``count`` samples of a generator of drawn inputs to ``output`` as one PNG.

    Where ``output`` ends in ``.gif``, it is a film that walks from sample to sample and back to the
    first, four walks beside each other.

    Args:
        what: the generator.
        output: of the picture or film.
        count: samples, or those that a walk passes.
        seed: of the samples.
        size: ``height x width`` of the images, e.g. ``96x256``, of a generator that makes any;
            empty: as it was trained.

    Raises:
        DataError: its inputs cannot be drawn, or it makes images of one size only.
    """
    generator = open_generator(what)
    inputs = generator.inputs
    if fed := [name for name, entry in inputs.items() if entry.kind not in DRAWN]:
        raise DataError(f"{what}: is fed {', '.join(fed)}, which cannot be drawn from a seed")
    if size:
        inputs = _sized(what, generator.module, size)
    if output.suffix.lower() == ".gif":
        _film(generator.module, inputs, output, count, seed)
        return
    with torch.no_grad():
        batch = draw_inputs(inputs, range(count), seed)
        # One at a time: a picture may be large.
        images = [
            generator.module(**{name: value[row : row + 1] for name, value in batch.items()})
            for row in range(count)
        ]
    columns = min(count, COLUMNS)
    rows = [torch.cat(images[start : start + columns]) for start in range(0, count, columns)]
    if len(rows[-1]) < columns:
        blank = torch.ones_like(rows[-1][:1]).expand(columns - len(rows[-1]), -1, -1, -1)
        rows[-1] = torch.cat([rows[-1], blank])
    width = math.ceil(math.log10(count + 1))
    titles = [f"{row * columns + 1:{width}d}" for row in range(len(rows))]
    save_grid(dict(zip(titles, rows, strict=True)), output)


@torch.no_grad()
def _film(module: torch.nn.Module, inputs: InputSpec, output: Path, count: int, seed: int) -> None:
    """Walks from sample to sample; frame 2.5 is half way from the second to the third."""
    frames = {}
    # A multiple of the samples away, so that no walk passes another's.
    starts = [walk * count for walk in range(WALKS)]
    for place in range(count):
        first = [start + place for start in starts]
        second = [start + (place + 1) % count for start in starts]
        for step in range(FRAMES):
            share = step / FRAMES
            batch = inputs_between(inputs, first, second, share, seed=seed)
            frames[f"{place + 1 + share:.2f}"] = module(**batch)
    save_gif(frames, output, milliseconds=80)


def _sized(what: GeneratorFile, module: torch.nn.Module, size: str) -> InputSpec:
    found = re.fullmatch(r"(\d+)x(\d+)", size)
    if found is None:
        raise RecipeError(f"--size {size}: write height x width in pixels, e.g. 96x256")
    if not isinstance(module, ConSinGANGenerator):
        raise DataError(f"{what}: makes images of one size; leave out --size")
    return module.inputs_for((int(found[1]), int(found[2])))
