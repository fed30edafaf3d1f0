"""Tiny real tasks: white digits on black and black ones on white; two classes of pixels."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gancompress.batch import Input
from gancompress.data.digits import open_digits
from gancompress.data.images import Images, images_from_tensor
from gancompress.data.label_maps import LabelMaps
from gancompress.data.paired import PairedImages
from gancompress.generators.patchgan import MultiscalePatchGAN, PatchGAN
from gancompress.teach.cycle import teach_cycle
from gancompress.teach.paired import FeatureMaps, Wishes, teach_paired
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
    return LabelMaps(maps, 2, False, None, photos)


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


def course(folder: Path, events: list[Any] | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """What every objective is told, with what is ``given`` in its place."""
    log: Callable[[Any], None] = (lambda event: None) if events is None else events.append
    return {
        "accelerator": make_accelerator("cpu", "no"),
        "batch_size": 8,
        "jitter": 0,
        "flip": False,
        "learning_rate": 5e-3,
        "discriminator_learning_rate": 2e-3,
        "betas": (0.5, 0.99),
        "decay_from": 0.5,
        "ema": 0.9,
        "seed": 0,
        "checkpoint": folder / "teach.pt",
        "checkpoint_seconds": 1000,
        "log": log,
        "log_every": 2,
        "look": lambda *told: None,
        "look_every": 0,
        **given,
    }


def paired(folder: Path, events: list[Any] | None = None, **given: Any) -> nn.Module:
    """White on black to black on white, with pairs."""
    torch.manual_seed(0)
    white = digits("train", 64)
    given = {"wishes": Wishes(l1=100.0), "loss": "bce", "steps": 60, **given}
    return teach_paired(
        Painter(1, 1),
        PatchGAN(2, width=8, layers=1),
        PairedImages(white, inverted(white)),
        "image",
        Input("image", (1, SIZE, SIZE)),
        **course(folder, events, given),
    )


def semantic(
    folder: Path, events: list[Any] | None = None, network: FeatureMaps | None = None, **given: Any
) -> nn.Module:
    """Two classes to two colours, with matched features."""
    torch.manual_seed(0)
    wishes = Wishes(features=5.0, perceptual=1.0 if network else 0.0, network=network)
    return teach_paired(
        Painter(2, 3),
        MultiscalePatchGAN(2, in_channels=5, width=8, layers=1, norm_kind="none", spectral=True),
        label_maps(0),
        "label_map",
        Input("label_map", (2, MAP_SIZE, MAP_SIZE)),
        **course(folder, events, {"wishes": wishes, "loss": "hinge", "steps": 50, **given}),
    )


def cycle(
    folder: Path, events: list[Any] | None = None, dropout: float = 0.1, **given: Any
) -> tuple[nn.Module, nn.Module]:
    """White on black to black on white, and back, from other digits."""
    torch.manual_seed(0)
    white = digits("train", 128)
    black = inverted(white.subset(range(64, 128)))
    given = {"loss": "least_squares", "steps": 60, "learning_rate": 1e-2, **given}
    return teach_cycle(
        Painter(1, 1, dropout),
        Painter(1, 1, dropout),
        PatchGAN(1, width=8, layers=1, norm_kind="none"),
        PatchGAN(1, width=8, layers=1, norm_kind="none"),
        white.subset(range(64)),
        black,
        "image",
        Input("image", (1, SIZE, SIZE)),
        **{
            "consistency": 1.0,
            "identity": 0.0,
            "pool": 20,
            **course(folder, events, given),
        },
    )
