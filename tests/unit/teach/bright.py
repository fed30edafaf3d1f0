"""A tiny real task: class 0 is dark, class 1 is bright."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from gancompress.batch import draw_inputs
from gancompress.data.images import Images, images_from_tensor
from gancompress.generators.dcgan import DCGANDiscriminator, DCGANGenerator
from gancompress.teach.adversarial import adversarial_training
from gancompress.teach.adversarial_step import Rules
from gancompress.teach.augment import Augment
from gancompress.teach.evaluation import Look, Looks, Taught
from gancompress.training.engine import TrainingLogger, train
from gancompress.training.optimise import make_accelerator


def images() -> Images:
    torch.manual_seed(0)
    labels = torch.arange(64) % 2
    pixels = (60 + 140 * labels)[:, None, None, None].expand(64, 1, 8, 8)
    pixels = (pixels + torch.randint(-20, 20, (64, 1, 8, 8))).to(torch.uint8)
    return images_from_tensor(pixels, labels=labels, classes=("dark", "bright"))


def teach(
    folder: Path,
    rules: Rules,
    *,
    steps: int = 150,
    batch_size: int = 16,
    augment: Augment | None = None,
    look: Look | None = None,
    accelerator: Accelerator | None = None,
    checkpoint_seconds: float = 1000,
    events: list[Any] | None = None,
) -> Taught:
    """Train a small conditional DCGAN on them."""
    torch.manual_seed(0)
    generator = DCGANGenerator(z_dim=4, classes=2, width=8, resolution=8, channels=1)
    discriminator = DCGANDiscriminator(
        classes=2, width=8, resolution=8, channels=1, dropout=0, norm=False, published_init=False
    )
    accelerator = accelerator or make_accelerator("cpu", "no")
    training = adversarial_training(
        generator,
        discriminator,
        images(),
        generator.inputs,
        rules=rules,
        augment=augment or Augment((), 0.0),
        accelerator=accelerator,
        batch_size=batch_size,
        learning_rate=3e-3,
        discriminator_learning_rate=3e-3,
        betas=(0.0, 0.99),
        ema=0.9,
        seed=0,
    )
    logger = TrainingLogger(
        folder / "teach.pt",
        checkpoint_seconds,
        lambda event: events.append(event) if events is not None else None,
        5,
        accelerator.is_main_process,
    )
    warning_logger = logger.with_warnings(training.find_warnings)
    looks = Looks(
        training.average, look, steps, logger.checkpoint, logger.main_process, warning_logger
    )
    looked = replace(training, state={**training.state, "looks": looks}, after=looks)
    train(looked, logger, steps=steps, seed=0)
    accelerator.wait_for_everyone()
    return looks.taught()


def brightness(taught: Taught) -> tuple[float, float]:
    """Mean of dark and of bright images; really -0.53 and 0.57."""
    generator = taught.module
    assert isinstance(generator, DCGANGenerator)
    batch = draw_inputs(generator.inputs, range(40), seed=5)
    with torch.no_grad():
        means = generator(**batch).mean((1, 2, 3))
    return float(means[0::2].mean()), float(means[1::2].mean())
