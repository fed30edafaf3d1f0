"""Teaching a generator of one photograph."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gancompress.batch import draw_inputs
from gancompress.data.images import to_uint8
from gancompress.data.single import pyramid
from gancompress.generators.consingan import ConSinGANDiscriminator, ConSinGANGenerator
from gancompress.metrics.patches import patch_distance
from gancompress.teach.options import SingleImageOptions, TeachOptions
from gancompress.teach.single_image import (
    Photograph,
    new_inputs,
    reconstruction_inputs,
    teach_single_image,
)
from gancompress.training.engine import TrainingLogger


def options(steps: tuple[int, ...], concurrent: int = 2, rate: float = 5e-4) -> TeachOptions:
    own = SingleImageOptions(steps=steps, concurrent=concurrent, stages=len(steps))
    return TeachOptions(learning_rate=rate, discriminator_learning_rate=rate, single_image=own)


def striped(size: int) -> Tensor:
    """Red and blue stripes under a green sky."""
    image = torch.full((1, 3, size, size), -0.8)
    image[:, 1, : size // 3] = 0.8
    columns = torch.arange(size) % 8 < 4
    image[:, 0, size // 3 :, columns] = 0.8
    image[:, 2, size // 3 :, ~columns] = 0.8
    return image


def networks(coarsest: Tensor, width: int) -> tuple[ConSinGANGenerator, ConSinGANDiscriminator]:
    torch.manual_seed(0)
    size = coarsest.shape[-2], coarsest.shape[-1]
    return ConSinGANGenerator([size], width=width), ConSinGANDiscriminator(width=width)


class Stopped(Exception):
    pass


def logger(folder: Path, stop_at: int | None = None) -> TrainingLogger:
    """A log line and a checkpoint at every step; may raise in the middle of one."""

    def log(event: Mapping[str, Any]) -> None:
        if event["step"] == stop_at:
            raise Stopped

    return TrainingLogger(folder / "teach.pt", 0.0, log, 1)


def taught(folder: Path, images: list[Tensor], stop_at: int | None = None) -> ConSinGANGenerator:
    generator, discriminator = networks(images[0], 4)
    teach_single_image(
        generator,
        discriminator,
        Photograph(pyramid=images, feed=None, composite=None, seed=1),
        options((3,) * len(images)),
        logger=logger(folder, stop_at),
        evaluate=lambda stage: None,
    )
    return generator


def test_it_learns_to_give_the_photograph_back_and_to_make_its_texture(tmp_path: Path) -> None:
    images = pyramid(striped(24), stages=2, min_size=16)
    generator, discriminator = networks(images[0], 16)
    untrained = ConSinGANGenerator([image.shape[-2:] for image in images], width=16)
    quiet = replace(logger(tmp_path), checkpoint_seconds=1000.0, log_every=1000)
    teach_single_image(
        generator,
        discriminator,
        Photograph(pyramid=images, feed=None, composite=None, seed=0),
        options((60, 60), concurrent=3, rate=2e-3),
        logger=quiet,
        evaluate=lambda stage: None,
    )
    errors, distances = [], []
    for module in (untrained.eval(), generator):
        with torch.no_grad():
            again = module(**reconstruction_inputs(module, images[0], 0))
            fresh = module(**new_inputs(module, images[0], None, 4, 7))
        errors.append(float(F.mse_loss(again, images[-1])))
        distances.append(patch_distance(to_uint8(fresh), to_uint8(images[-1])))
    assert errors[1] < 0.3 * errors[0]
    assert distances[1] < 0.6 * distances[0]


# Three stages of three steps each: within one, at its last step, and on both sides of a border.
@pytest.mark.parametrize("stop_at", [2, 3, 4, 6, 8])
def test_stopped_in_any_stage_and_resumed_it_ends_with_the_same_weights(
    tmp_path: Path, stop_at: int
) -> None:
    images = pyramid(striped(20), stages=3, min_size=14)
    through = taught(tmp_path / "through", images)
    with pytest.raises(Stopped):
        taught(tmp_path / "stopped", images, stop_at)
    resumed = taught(tmp_path / "stopped", images)
    expected = through.state_dict()
    assert len(resumed.body) == 3
    assert all(torch.equal(value, expected[name]) for name, value in resumed.state_dict().items())


def test_old_stages_learn_slower_and_the_oldest_not_at_all(tmp_path: Path) -> None:
    images = pyramid(striped(20), stages=3, min_size=14)
    seen: list[ConSinGANGenerator] = []
    states: list[dict[str, Tensor]] = []
    generator, discriminator = networks(images[0], 4)
    seen.append(generator)

    def look(stage: int) -> None:
        states.append({name: value.clone() for name, value in seen[0].state_dict().items()})

    teach_single_image(
        generator,
        discriminator,
        Photograph(pyramid=images, feed=None, composite=None, seed=0),
        options((2, 2, 2)),
        logger=logger(tmp_path),
        evaluate=look,
    )

    def moved(name: str) -> float:
        return float((states[2][name] - states[1][name]).abs().max())

    assert moved("body.0.block0.conv.weight") == 0.0
    assert moved("head.conv.weight") == 0.0
    # The third stage began as a copy of the second.
    third = states[2]["body.2.block0.conv.weight"] - states[1]["body.1.block0.conv.weight"]
    assert 0.05 < moved("body.1.block0.conv.weight") / float(third.abs().max()) < 0.2
    assert moved("tail.0.weight") > 0.0


def test_a_stage_is_as_noisy_as_what_it_has_to_add(tmp_path: Path) -> None:
    images = pyramid(striped(20), stages=2, min_size=14)
    generator = taught(tmp_path, images)
    assert float(generator.noise_amp[0]) == 1.0
    assert 0.005 < float(generator.noise_amp[1]) < 0.1


def test_a_larger_picture_is_made_of_larger_noise(tmp_path: Path) -> None:
    images = pyramid(striped(20), stages=2, min_size=14)
    generator = taught(tmp_path, images)
    for size in ((20, 50), (44, 20), (60, 60)):
        batch = draw_inputs(generator.inputs_for(size), range(2), 0)
        assert generator(**batch).shape == (2, 3, *size)
