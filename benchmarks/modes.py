"""Does a generator find every mode? Eight Gaussians on a ring, taught by four objectives.

    python -m benchmarks.modes

The toy of Metz et al. 2017 (sec. 3.1), in the loop that teaches images: a sample is an image of one
pixel and two channels. Writes ``benchmarks/results/modes.json`` and ``docs/pictures/modes.png``.
"""

import math
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.record import record
from benchmarks.start import arguments_of, folder, parser_of
from gancompress.atomic import replacing
from gancompress.batch import Input, InputSpec, draw_inputs
from gancompress.data.images import Images, images_from_tensor, to_float, to_uint8
from gancompress.teach.adversarial import adversarial_training
from gancompress.teach.learner import TeachSetting
from gancompress.teach.options import TeachOptions
from gancompress.training.engine import TrainingLogger, train
from gancompress.training.optimise import make_accelerator

PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "modes.png"

MODES = 8
RADIUS = 0.75
# Four times as wide as the paper's, so that hundreds of steps do; well apart all the same: two
# neighbours are 19 of these from each other.
SPREAD = 0.03
LATENT = 64
WIDTH = 128
BATCH = 64

# Samples drawn of a generator; a mode is found that gets a tenth of its share of them, within
# three standard deviations.
SAMPLES = 2_000
FOUND = 0.1 / MODES

# Learning rates of generator and discriminator, the paper's: a generator that is far ahead of its
# discriminator is what collapses. A Wasserstein critic has to be ahead to be of any use.
PAPER = (1e-3, 1e-4)
EQUAL = (1e-3, 1e-3)

OBJECTIVES: dict[str, tuple[dict[str, Any], tuple[float, float], int]] = {
    "BCE": ({"loss": "bce"}, PAPER, 3_000),
    "BCE, unrolled": ({"loss": "bce", "unrolled": 5}, PAPER, 1_600),
    "BCE, equal rates": ({"loss": "bce"}, EQUAL, 3_000),
    "Wasserstein": (
        {"loss": "wasserstein", "gradient_penalty": 0.1, "critic_steps": 5},
        EQUAL,
        1_600,
    ),
}


class Generator(nn.Module):
    """Two hidden layers from a latent to one pixel of two channels."""

    def __init__(self) -> None:
        super().__init__()
        self.inputs: InputSpec = {"z": Input("normal", (LATENT,))}
        self.layers = nn.Sequential(
            nn.Linear(LATENT, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(),
            nn.Linear(WIDTH, 2),
        )  # fmt: skip

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z)[:, :, None, None]  # type: ignore[no-any-return]


class Discriminator(nn.Module):
    """Two hidden layers from the pixel to a logit."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(2, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(),
            nn.Linear(WIDTH, 1),
        )  # fmt: skip

    def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        return self.layers(image.flatten(1)), []


def centres() -> Tensor:
    """(8, 2)."""
    angles = torch.arange(MODES) * (2 * math.pi / MODES)
    return RADIUS * torch.stack([angles.cos(), angles.sin()], dim=1)


def ring(count: int) -> Images:
    """``count`` real samples, in 8 bits as images are."""
    chosen = centres()[torch.randint(MODES, (count,))]
    points = chosen + SPREAD * torch.randn(count, 2)
    return images_from_tensor(to_uint8(points[:, :, None, None]))


def taught(
    rules: dict[str, Any], rates: tuple[float, float], steps: int, images: Images, seed: int
) -> tuple[Tensor, float]:
    """Samples (n, 2) of a generator taught with ``rules``, and the CPU seconds it took."""
    torch.manual_seed(seed)
    generator, discriminator = Generator(), Discriminator()
    start = time.process_time()
    options = TeachOptions(
        steps=steps, batch_size=BATCH, learning_rate=rates[0],
        discriminator_learning_rate=rates[1], ema=0.0, augment=(), **rules,
    )  # fmt: skip
    setting = TeachSetting(options=options, seed=seed, accelerator=make_accelerator("cpu", "no"))
    training = adversarial_training(generator, discriminator, images, generator.inputs, setting)
    with tempfile.TemporaryDirectory() as folder:
        logger = TrainingLogger(Path(folder) / "teach.pt", 1e6, lambda event: None, 500)
        average = train(training, logger, steps=steps, seed=seed)
    seconds = time.process_time() - start
    with torch.no_grad():
        batch = draw_inputs(generator.inputs, range(SAMPLES), seed + 1000)
        return average(**batch).flatten(1), seconds


def scores(points: Tensor) -> tuple[int, float]:
    """Modes found, and the share of samples near some mode."""
    distances, nearest = torch.cdist(points, centres()).min(dim=1)
    near = distances < 3 * SPREAD
    counts = torch.bincount(nearest[near], minlength=MODES)
    return int((counts >= FOUND * len(points)).sum()), float(near.float().mean())


def draw(panels: dict[str, Tensor], path: Path) -> None:
    """One panel of points for each entry."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2.6 * len(panels), 2.9), dpi=110, layout="constrained")
    for place, (title, points) in enumerate(panels.items()):
        axes = figure.add_subplot(1, len(panels), place + 1)
        axes.scatter(*centres().T, s=90, facecolors="none", edgecolors="tab:grey", linewidths=0.7)
        axes.scatter(*points.T, s=3, alpha=0.3, color="tab:blue", linewidths=0)
        axes.set(title=title, xlim=(-1.05, 1.05), ylim=(-1.05, 1.05), xticks=[], yticks=[])
        axes.set_aspect("equal")
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png")


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    options = arguments_of(parser, seeds=1)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    images = ring(20_000)
    rows: list[dict[str, Any]] = []
    panels = {"real": to_float(images.batch(range(SAMPLES))).flatten(1)}
    for name, (rules, rates, steps) in OBJECTIVES.items():
        found = [
            taught(rules, rates, 20 if options.quick else steps, images, seed)
            for seed in range(options.seeds)
        ]
        judged = [scores(points) for points, _ in found]
        panels[name] = found[0][0]
        rows.append(
            {
                "objective": name,
                "learning_rates": list(rates),
                "steps": steps,
                "modes": [modes for modes, _ in judged],
                "near_a_mode": [round(share, 3) for _, share in judged],
                "cpu_seconds": round(sum(seconds for _, seconds in found) / len(found), 1),
            }
        )
    draw(panels, folder("results") / PICTURE.name if options.quick else PICTURE)
    record("modes", rows, seeds=options.seeds, batch=BATCH)


if __name__ == "__main__":
    main()
