"""Images to calibrate a quantiser with: real ones, a generator's, or made up from no data."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from gancompress.assemble.open_generator import GeneratorFile, open_generator
from gancompress.batch import DRAWN, draw_inputs
from gancompress.data.fractals import fractal_images
from gancompress.data.images import open_images, to_uint8
from gancompress.errors import DataError
from gancompress.metrics.features import NetworkExtractor
from gancompress.metrics.images import resize, with_channels
from gancompress.run import is_run
from gancompress.teachers.teacher import ModuleTeacher

#: (count, seed) to uint8 images (count, C, H, W), as the network takes them.
Source = Callable[[int, int], Tensor]

# Images that a generator makes at once.
BATCH = 50


def calibration_source(name: str, network: NetworkExtractor, factory: str | None = None) -> Source:
    """The source that ``name`` stands for.

    Args:
        name: a folder or zip of images, a run or student file, ``noise`` (uniform), ``fractals``
            (:mod:`gancompress.data.fractals`) or ``constant`` (grey).
        network: says the size and number of channels.
        factory: of a student whose architecture is not built in.

    Raises:
        DataError: nothing is there, or a generator is fed images.
    """
    shape = (network.channels, network.size, network.size)
    if name == "fractals":
        return lambda count, seed: fractal_images(count, network.size, network.channels, seed)
    if name == "noise":
        return lambda count, seed: _noise(count, shape, seed)
    if name == "constant":
        return lambda count, seed: torch.full((count, *shape), 128, dtype=torch.uint8)
    path = Path(name)
    if (path.is_file() and path.suffix != ".zip") or is_run(path):
        generator = open_generator(GeneratorFile(path, factory=factory))
        if fed := [n for n, entry in generator.inputs.items() if entry.kind not in DRAWN]:
            raise DataError(f"{name}: is fed {', '.join(fed)}; calibrate with a noise generator")
        return lambda count, seed: _generated(generator, network, count, seed)
    images = open_images(path, resolution=network.size, channels=network.channels)

    def drawn(count: int, seed: int) -> Tensor:
        order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))
        return images.batch(order[:count])

    return drawn


def _noise(count: int, shape: tuple[int, int, int], seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, *shape), generator=generator, dtype=torch.uint8)


def _generated(
    generator: ModuleTeacher, network: NetworkExtractor, count: int, seed: int
) -> Tensor:
    parts = []
    for start in range(0, count, BATCH):
        numbers = range(start, min(start + BATCH, count))
        images = to_uint8(generator(draw_inputs(generator.inputs, numbers, seed)))
        channels = with_channels(images, network.channels)
        fitted = resize(channels, network.size, antialias=network.antialias)
        parts.append(fitted.round().clamp(0, 255).to(torch.uint8))
    return torch.cat(parts)
