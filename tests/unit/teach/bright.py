"""A tiny real task: class 0 is dark, class 1 is bright."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from gancompress.batch import draw_inputs
from gancompress.data.images import Images, images_from_tensor
from gancompress.generators.dcgan import DCGANDiscriminator, DCGANGenerator
from gancompress.teach.adversarial import adversarial_training
from gancompress.teach.augment import Augment
from gancompress.teach.evaluation import EvaluationPlan, TeacherEvaluation, TrainedGenerator
from gancompress.teach.learner import TeachSetting
from gancompress.teach.options import TeachOptions
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
    rules: Mapping[str, Any],
    *,
    steps: int = 150,
    batch_size: int = 16,
    augment: Augment | None = None,
    plan: EvaluationPlan | None = None,
    accelerator: Accelerator | None = None,
    checkpoint_seconds: float = 1000,
    events: list[Any] | None = None,
) -> TrainedGenerator:
    """Train a small conditional DCGAN on them; ``rules`` are options of the training."""
    torch.manual_seed(0)
    generator = DCGANGenerator(z_dim=4, classes=2, width=8, resolution=8, channels=1)
    discriminator = DCGANDiscriminator(
        classes=2, width=8, resolution=8, channels=1, dropout=0, norm=False, published_init=False
    )
    accelerator = accelerator or make_accelerator("cpu", "no")
    options = TeachOptions(
        steps=steps, batch_size=batch_size, learning_rate=3e-3, discriminator_learning_rate=3e-3,
        betas=(0.0, 0.99), ema=0.9, augment=(), **rules,
    )  # fmt: skip
    setting = TeachSetting(options=options, seed=0, accelerator=accelerator)
    training = adversarial_training(
        generator, discriminator, images(), generator.inputs, setting, augment=augment
    )
    logger = TrainingLogger(
        checkpoint=folder / "teach.pt",
        checkpoint_seconds=checkpoint_seconds,
        log=lambda event: events.append(event) if events is not None else None,
        log_every=5,
        main_process=accelerator.is_main_process,
    )
    evaluation = TeacherEvaluation(training, plan, steps, logger)
    state = {**training.state, "evaluation": evaluation}
    train(replace(training, state=state, after=evaluation), logger, steps=steps, seed=0)
    accelerator.wait_for_everyone()
    return evaluation.trained()


def brightness(taught: TrainedGenerator) -> tuple[float, float]:
    """Mean of dark and of bright images; really -0.53 and 0.57."""
    generator = taught.module
    assert isinstance(generator, DCGANGenerator)
    batch = draw_inputs(generator.inputs, range(40), seed=5)
    with torch.no_grad():
        means = generator(**batch).mean((1, 2, 3))
    return float(means[0::2].mean()), float(means[1::2].mean())
