"""Steps a second of DiStyleGAN's distillation at its published sizes, against a plain loop.

Both train the same generator (2.05 M parameters) and discriminator (3.4 M) on the same pairs,
batch 128, with the published terms. The plain loop is the published one, step by step: a folder
with one PNG and one tensor file a sample and real images one by one, both through a ``DataLoader``
in the main process; four separate discriminator passes for its update, the teacher's maps kept
from the first; no gradients in the discriminator while the student learns. It runs on the networks
as published. Blocks of steps of all contestants alternate, so that a busy machine is busy for each
of them.

    python -m benchmarks.distill [--steps 3] [--repeats 5] [--threads 2]
"""

import argparse
import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms.v2.functional import pil_to_tensor

sys.path.insert(0, str(Path(__file__).parent))

from benchmarks.record import record
from benchmarks.start import arguments_of, parser_of
from gancompress.batch import Input, InputSpec, example_inputs
from gancompress.data.folder_pairs import export_folder_pairs
from gancompress.data.images import images_from_tensor
from gancompress.data.manifest import Plan
from gancompress.data.pairs import PairStore, PairWriter
from gancompress.data.pairs import record as record_pairs
from gancompress.distillation.batch import read_batch
from gancompress.distillation.data import DistillData
from gancompress.distillation.discriminator import prepare_discriminator
from gancompress.distillation.features import FeatureProvider
from gancompress.distillation.objective import objective_of
from gancompress.distillation.options import DistillOptions, SubnetRule
from gancompress.distillation.sampling import make_sampler
from gancompress.distillation.step import DistillStep
from gancompress.distillation.terms import level_weights
from gancompress.generators.distylegan import DiStyleGANDiscriminator, DiStyleGANGenerator
from gancompress.supernet import Supernet
from gancompress.teachers.teacher import ModuleTeacher
from gancompress.training.optimise import adam, moving_average, scheduled
from gancompress.training.order import step_generator

BATCH = 128
BETAS = (0.5, 0.999)
INPUTS: InputSpec = {"z": Input("normal", (512,)), "c": Input("one_hot", (10,))}
TERMS = DistillOptions().terms  # DiStyleGAN's


def make_pairs(folder: Path, count: int) -> PairStore:
    """Pairs of a random generator: what the images show costs no time."""
    torch.manual_seed(0)
    writer = PairWriter(
        folder,
        Plan(
            inputs=INPUTS,
            teacher="random",
            seed=0,
            count=count,
            held_out=2,
            shard_size=500,
            output="uint8",
            latents="float32",
        ),
    )
    record_pairs(ModuleTeacher(DiStyleGANGenerator(), INPUTS), writer, batch_size=100)
    writer.finish()
    return PairStore(folder)


def real_images(count: int = 1_000) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(256, (count, 3, 32, 32), dtype=torch.uint8, generator=generator)


class FolderPairs(Dataset[tuple[Tensor, Tensor, int]]):
    """The published folder layout, sample by sample."""

    def __init__(self, folder: Path) -> None:
        self.files = sorted(folder.glob("class_*/image_*.png"))

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, int]:
        file = self.files[index]
        pixels = torch.from_numpy(np.asarray(Image.open(file).convert("RGB")).copy())
        noise = torch.load(file.with_name(f"noise_{file.stem.split('_')[1]}.pt"), weights_only=True)
        label = int(file.parent.name.split("_")[1])
        return noise.flatten(), pixels.permute(2, 0, 1).float() / 127.5 - 1.0, label


class RealImages(Dataset[tuple[Tensor, int]]):
    """Real images one by one, as torchvision's CIFAR-10 with its usual transforms."""

    def __init__(self) -> None:
        self.images = real_images().permute(0, 2, 3, 1).numpy()

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = pil_to_tensor(Image.fromarray(self.images[index])).float() / 255
        return (image - 0.5) / 0.5, index % 10


def endless(dataset: Dataset[Any], workers: int) -> Iterator[Any]:
    loader = DataLoader(
        dataset, BATCH, shuffle=True, drop_last=True, num_workers=workers,
        persistent_workers=workers > 0,
    )  # fmt: skip
    return (batch for _ in itertools.count() for batch in loader)


def as_published(student: DiStyleGANGenerator) -> None:
    """Up-sample, convolve and gate in the steps that were published."""
    for name, block in student.named_children():
        if name.startswith("upsample"):
            *steps, _ = block.children()
            setattr(student, name, nn.Sequential(*steps, nn.GLU(dim=1)))


def plain_loop(folder: Path, workers: int) -> Iterator[None]:
    """Each ``next`` is one step of the plain loop."""
    torch.manual_seed(0)
    student, judge = DiStyleGANGenerator().train(), PublishedDiscriminator().train()
    as_published(student)
    optimizer = torch.optim.Adam(student.parameters(), 2e-4, BETAS)
    judge_optimizer = torch.optim.Adam(judge.parameters(), 2e-4, BETAS)
    batches = zip(
        endless(FolderPairs(folder), workers), endless(RealImages(), workers), strict=True
    )
    for step, ((z, target, label), (real, real_label)) in enumerate(batches):
        c, real_c = F.one_hot(label, 10).float(), F.one_hot(real_label, 10).float()

        judge.requires_grad_(True)
        on_target, target_maps = judge(target, c)
        target_maps = [maps.detach() for maps in target_maps]
        fake = student(z, c)
        on_fake, _ = judge(fake.detach(), c)
        on_real, _ = judge(real, real_c)
        fresh = student(torch.randn(BATCH, 512), real_c)
        on_fresh, _ = judge(fresh.detach(), real_c)
        judge_optimizer.zero_grad()
        (hinge(on_target, on_fake) + 0.2 * hinge(on_real, on_fresh)).backward()
        judge_optimizer.step()

        judge.requires_grad_(False)
        logits, maps = judge(fake, c)
        loss = 0.2 * F.l1_loss(fake, target)
        for weight, ours, theirs in zip(level_weights(len(maps)), maps, target_maps, strict=True):
            loss = loss + weight * F.l1_loss(ours, theirs)
        if step % 10 == 0:
            loss = loss - 0.01 * logits.mean() - 0.002 * judge(fresh, real_c)[0].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield


class PublishedDiscriminator(nn.Module):
    """The discriminator with PyTorch's own layers and spectral norm."""

    def __init__(self) -> None:
        super().__init__()
        norm = nn.utils.spectral_norm
        widths = (3, 128, 128, 256, 512)
        self.layers = nn.ModuleList(
            nn.Sequential(norm(nn.Conv2d(a, b, 4, 2, 1)), nn.LeakyReLU(0.2))
            for a, b in itertools.pairwise(widths)
        )
        self.project = nn.Sequential(norm(nn.Linear(2048, 256, bias=False)), nn.GLU(dim=1))
        self.output = nn.Linear(138, 1, bias=False)

    def forward(self, image: Tensor, c: Tensor) -> tuple[Tensor, list[Tensor]]:
        maps = []
        for layer in self.layers:
            image = layer(image)
            maps.append(image)
        return self.output(torch.cat([self.project(image.flatten(1)), c], dim=1)), maps


def hinge(real: Tensor, fake: Tensor) -> Tensor:
    return F.relu(1.0 - real).mean() + F.relu(1.0 + fake).mean()


def toolkit(pairs: PairStore, rule: SubnetRule, *, unpaired: bool = False) -> Iterator[None]:
    """Each ``next`` is one step of the toolkit, as its training loop does it.

    Args:
        rule: ``largest`` trains one network, as the plain loop does; ``sandwich`` trains three.
        unpaired: as the recipe's ``distill.unpaired``; the plain loop draws new inputs.
    """
    torch.manual_seed(0)
    supernet = Supernet(DiStyleGANGenerator(), example_inputs(INPUTS)).train()
    supernet.module.to(memory_format=torch.channels_last)
    optimizer = adam(supernet.module.parameters(), 2e-4, BETAS)
    data = DistillData(
        pairs=pairs,
        options=DistillOptions(
            steps=1_000_000, batch_size=BATCH, subnets=rule, unpaired=unpaired, terms=TERMS
        ),
        seed=0,
        accelerator=Accelerator(cpu=True),
        real=images_from_tensor(real_images(), labels=torch.arange(1_000) % 10),
    )
    one_step = DistillStep(
        supernet=supernet,
        data=data,
        read=partial(read_batch, data, True),
        objective=objective_of(TERMS, discriminator=True, real_images=True),
        features=FeatureProvider(),
        discriminator=prepare_discriminator(DiStyleGANDiscriminator(), supernet, data),
        sampler=make_sampler(supernet, data.options),
        optimizer=optimizer,
        schedules=[scheduled(optimizer, "constant", 1)],
        average=moving_average(supernet.module, 0.999),
        warn=lambda step, text: print(text),
    )
    for step in itertools.count():
        one_step(step, step_generator(0, step))
        yield


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--steps", type=int, default=3, help="steps of a block")
    parser.add_argument("--repeats", type=int, default=5, help="blocks of each contestant")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=0, help="of the plain loop's DataLoader")
    arguments = arguments_of(parser, steps=1, repeats=1)
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as temporary:
        pairs = make_pairs(Path(temporary, "store"), 2 * BATCH if arguments.quick else 2_000)
        folder = Path(temporary, "folder")
        export_folder_pairs(pairs, folder)
        contestants: dict[str, Callable[[], Iterator[None]]] = {
            "plain loop": lambda: plain_loop(folder, arguments.workers),
            "gancompress, one network": lambda: toolkit(pairs, "largest"),
            "gancompress, one network, unpaired: true": lambda: toolkit(
                pairs, "largest", unpaired=True
            ),
            "gancompress, supernet (3 subnets)": lambda: toolkit(pairs, "sandwich"),
        }
        name = f"distill_{arguments.threads}_threads"
        record(name, measured(contestants, arguments), **facts(arguments))


def measured(
    contestants: dict[str, Callable[[], Iterator[None]]], arguments: argparse.Namespace
) -> list[dict[str, Any]]:
    """Time blocks of steps in turn; the median of the blocks and their spread."""
    running = {name: make() for name, make in contestants.items()}
    for steps in running.values():
        next(steps)
    seconds: dict[str, list[float]] = {name: [] for name in running}
    processor: dict[str, list[float]] = {name: [] for name in running}
    for _ in range(arguments.repeats):
        for name, steps in running.items():
            start, busy = time.perf_counter(), time.process_time()
            for _ in range(arguments.steps):
                next(steps)
            seconds[name].append((time.perf_counter() - start) / arguments.steps)
            processor[name].append((time.process_time() - busy) / arguments.steps)
    plain = statistics.median(seconds["plain loop"])
    return [
        {
            "": name,
            "seconds a step": statistics.median(found),
            "fastest": min(found),
            "slowest": max(found),
            # Of all threads; hardly moved by what else the machine does.
            "CPU seconds a step": statistics.median(processor[name]),
            "steps a second": 1 / statistics.median(found),
            "against the plain loop": plain / statistics.median(found),
        }
        for name, found in seconds.items()
    ]


def facts(arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        "batch": BATCH,
        "generator_parameters": parameters(DiStyleGANGenerator()),
        "discriminator_parameters": parameters(DiStyleGANDiscriminator()),
        **vars(arguments),
    }


if __name__ == "__main__":
    main()
