"""Tiny real tasks: white digits on black and black ones on white; two classes of pixels."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from gancompress.batch import Input
from gancompress.data.digits import open_digits
from gancompress.data.images import Images, images_from_tensor
from gancompress.data.label_maps import LabelMaps
from gancompress.data.paired import PairedImages
from gancompress.generators.patchgan import MultiscalePatchGAN, PatchGAN
from gancompress.teach.cycle import cycle_training
from gancompress.teach.learner import TeachSetting
from gancompress.teach.options import CycleOptions, TeachOptions
from gancompress.teach.paired import FeatureMaps, PairedLosses, paired_training
from gancompress.training.engine import Training, TrainingLogger, train
from gancompress.training.optimise import make_accelerator

SIZE, MAP_SIZE = 8, 16


def digits(part: str, count: int) -> Images:
    """White on black."""
    return open_digits(SIZE, part=part).subset(range(count))  # type: ignore[arg-type]


def inverted(images: Images) -> Images:
    """Black on white."""
    return images_from_tensor(255 - images.batch(range(len(images))))


def label_maps(seed: int, count: int = 64) -> LabelMaps:
    """Class 1 right of a line; class 0 is orange and class 1 blue."""
    lines = torch.randint(1, MAP_SIZE, (count, 1, 1, 1), generator=torch.manual_seed(seed))
    classes = (torch.arange(MAP_SIZE).view(1, 1, 1, -1) >= lines).expand(-1, 1, MAP_SIZE, MAP_SIZE)
    colours = torch.tensor([[255, 128, 0], [0, 64, 255]])[classes[:, 0].long()]
    maps = images_from_tensor(classes.to(torch.uint8))
    photos = images_from_tensor(colours.movedim(-1, 1).to(torch.uint8).contiguous())
    return LabelMaps(maps=maps, classes=2, unknown=False, edges=None, photos=photos)


class Painter(nn.Module):
    """Any one input to an image."""

    def __init__(self, in_channels: int, out_channels: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, 16, 3, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Conv2d(16, out_channels, 3, padding=1),
            nn.Tanh(),
        )

    def forward(self, **given: Tensor) -> Tensor:
        (value,) = given.values()
        return self.layers(value)  # type: ignore[no-any-return]


# Of every objective, unless a test says otherwise.
OPTIONS = TeachOptions(
    steps=60,
    batch_size=8,
    loss="bce",
    learning_rate=5e-3,
    discriminator_learning_rate=2e-3,
    betas=(0.5, 0.99),
    decay_from=0.5,
    ema=0.9,
)


def setting(
    options: TeachOptions, accelerator: Accelerator | None = None, flip: bool = False
) -> TeachSetting:
    accelerator = accelerator or make_accelerator("cpu", "no")
    return TeachSetting(options=options, seed=0, accelerator=accelerator, flip=flip)


def pix2pix(
    options: TeachOptions = OPTIONS,
    dropout: float = 0.1,
    accelerator: Accelerator | None = None,
    flip: bool = False,
) -> Training:
    """White on black to black on white, with pairs; ready to begin."""
    torch.manual_seed(0)
    white = digits("train", 64)
    return paired_training(
        Painter(1, 1, dropout),
        PatchGAN(2, width=8, layers=1),
        PairedImages(white, inverted(white)),
        {"image": Input("image", (1, SIZE, SIZE))},
        PairedLosses(l1=100.0),
        setting(options, accelerator, flip),
    )


def run(
    training: Training,
    options: TeachOptions,
    folder: Path,
    log: Callable[[Any], None] = lambda event: None,
    checkpoint_seconds: float = 1000,
) -> nn.Module:
    """Train with a line of the log at every other step."""
    logger = TrainingLogger(folder / "teach.pt", checkpoint_seconds, log, 2)
    return train(training, logger, steps=options.steps, seed=0)


def semantic(folder: Path, events: list[Any], network: FeatureMaps | None = None) -> nn.Module:
    """Two classes to two colours, with matched features."""
    torch.manual_seed(0)
    options = replace(OPTIONS, loss="hinge", steps=50)
    training = paired_training(
        Painter(2, 3),
        MultiscalePatchGAN(2, in_channels=5, width=8, layers=1, norm_kind="none", spectral=True),
        label_maps(0),
        {"label_map": Input("label_map", (2, MAP_SIZE, MAP_SIZE))},
        PairedLosses(features=5.0, perceptual=1.0 if network else 0.0, network=network),
        setting(options),
    )
    return run(training, options, folder, events.append)


def cycle(
    folder: Path,
    log: Callable[[Any], None] = lambda event: None,
    *,
    dropout: float = 0.1,
    identity: float = 0.0,
    pool: int = 20,
    checkpoint_seconds: float = 1000,
    accelerator: Accelerator | None = None,
    flip: bool = False,
    **changes: Any,
) -> tuple[nn.Module, nn.Module]:
    """White on black to black on white, and back, from other digits; ``changes`` of the options."""
    torch.manual_seed(0)
    white = digits("train", 128)
    own = CycleOptions(consistency=1.0, identity=identity, pool=pool)
    options = replace(
        OPTIONS, **{"loss": "least_squares", "learning_rate": 1e-2, "cycle": own, **changes}
    )
    generators = Painter(1, 1, dropout), Painter(1, 1, dropout)
    first = PatchGAN(1, width=8, layers=1, norm_kind="none")
    discriminators = first, PatchGAN(1, width=8, layers=1, norm_kind="none")
    training, back = cycle_training(
        generators,
        discriminators,
        (white.subset(range(64)), inverted(white.subset(range(64, 128)))),
        {"image": Input("image", (1, SIZE, SIZE))},
        setting(options, accelerator, flip),
    )
    return run(training, options, folder, log, checkpoint_seconds), back
