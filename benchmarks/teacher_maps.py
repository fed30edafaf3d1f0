"""What keeping the maps of a frozen teacher saves of a step.

    python -m benchmarks.teacher_maps --weights style-wave.safetensors

The teacher of ``recipes/style.yaml`` at 128×128 on made-up images, batches of four, two random
subnets a step, the same ones with and without; ``adapted`` with taps that were found. All pairs
have come once before the clock starts. Writes ``benchmarks/results/teacher_maps.json``.
"""

import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn

from benchmarks.record import record
from benchmarks.start import arguments_of, parser_of
from gancompress.batch import Batch, Input, example_inputs
from gancompress.data.manifest import Plan
from gancompress.data.pairs import PairStore, PairWriter
from gancompress.data.pairs import record as record_pairs
from gancompress.distillation.data import DistillData
from gancompress.distillation.features import Networks
from gancompress.distillation.loop import distill
from gancompress.distillation.options import DistillOptions, TermOptions
from gancompress.generators.build import build
from gancompress.generators.signed import signed
from gancompress.supernet import Supernet
from gancompress.teachers.teacher import ModuleTeacher
from gancompress.training.engine import TrainingLogger

SHARED = Path(os.environ.get("GANCOMPRESS_SHARED", "../shared"))
FACTORY = str(Path(__file__).parents[1] / "examples" / "style_wave.py:build")
INPUTS = {"image": Input("image", (3, 128, 128), 0, 255)}
BATCH, PAIRS = 4, 8


def noise() -> list[Batch]:
    """What the teacher is fed."""
    drawn = (torch.Generator().manual_seed(index) for index in range(PAIRS))
    return [{"image": (255 * torch.rand(3, 128, 128, generator=one)).round()} for one in drawn]


def wave(**kwargs: str) -> nn.Module:
    return signed(build(FACTORY, **kwargs), (0.0, 255.0)).eval()


def trained(teacher: nn.Module, pairs: PairStore, steps: int, cache: int) -> dict[str, Any]:
    """Train a supernet: what it told, its weights, its seconds a step after the first epoch."""
    accelerator = Accelerator(cpu=True)
    options = DistillOptions(
        steps=steps, batch_size=BATCH, learning_rate=1e-3, ema=0.98, subnets="uniform",
        random_subnets=2, cache_gigabytes=cache / 1e9, validate_every=0,
        terms={"l1": TermOptions(), "adapted": TermOptions()},
    )  # fmt: skip
    torch.manual_seed(0)
    supernet = Supernet(wave(), example_inputs(INPUTS), divisor=8)
    moments: list[tuple[float, float]] = []
    told: list[str] = []

    def log(event: Mapping[str, Any]) -> None:
        told.extend(event[name] for name in event if name == "event")
        if "gradient" in event:
            moments.append((time.perf_counter(), time.process_time()))

    with tempfile.TemporaryDirectory() as folder:
        module = distill(
            supernet,
            DistillData(pairs=pairs, options=options, seed=0, accelerator=accelerator),
            Networks(teacher),
            logger=TrainingLogger(
                checkpoint=Path(folder, "distill.pt"), checkpoint_seconds=1e9, log=log, log_every=1
            ),
        )
    begin, end = moments[PAIRS // BATCH - 1], moments[-1]
    seconds, processor = (
        (b - a) / (steps - PAIRS // BATCH) for a, b in zip(begin, end, strict=True)
    )
    measured = {"seconds a step": seconds, "of the processor": processor}
    return {"measured": measured, "weights": module.state_dict(), "told": told}


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument(
        "--weights", default=SHARED / "weights/style-wave.safetensors", help="of the teacher"
    )
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1)
    arguments = arguments_of(parser, steps=PAIRS // BATCH + 1)
    torch.set_num_threads(arguments.threads)
    teacher = wave(weights=str(arguments.weights))
    with tempfile.TemporaryDirectory() as folder:
        plan = Plan(
            inputs=INPUTS,
            teacher="wave",
            seed=0,
            count=PAIRS,
            held_out=0,
            shard_size=PAIRS,
            output="uint8",
            latents="float32",
        )
        writer = PairWriter(folder, plan)
        record_pairs(ModuleTeacher(teacher, INPUTS, noise()), writer, batch_size=BATCH)
        writer.finish()
        pairs = PairStore(folder)
        found = {
            name: trained(teacher, pairs, arguments.steps, cache)
            for name, cache in (("computed in every step", 0), ("cached", 10**9))
        }
    computed, cached = (one["weights"] for one in found.values())
    apart = max(float((cached[name] - value).abs().max()) for name, value in computed.items())
    record(
        "teacher_maps",
        [{"maps": name, **one["measured"]} for name, one in found.items()],
        steps=arguments.steps,
        batch=BATCH,
        told=found["cached"]["told"],
        largest_difference_of_weights=apart,
    )


if __name__ == "__main__":
    main()
