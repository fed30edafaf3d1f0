"""Detail that no distance asks for: a short training beside a discriminator."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from gancompress.api.distill import DistillSettings, distill
from gancompress.batch import Input, batch_size, concatenate
from gancompress.data.memory import MemoryPairs
from gancompress.distillation.options import DistillOptions
from gancompress.errors import DataError
from gancompress.generators.patchgan import PatchGAN
from gancompress.supernet import Supernet
from gancompress.supernet.calibrate import calibrate
from gancompress.training.finetune import Answers

# Measured to gain on the faces (docs/results.md).
TERMS: dict[Any, float] = {
    "l1": 1.0,
    "ssim": 0.2,
    "discriminator_features": 1.0,
    "adversarial": 0.02,
}
WIDTH = 32
# Batches that batch norms see in the end.
CALIBRATED = 8


def check_detail(shape: tuple[int, ...]) -> None:
    """Refuse outputs that no discriminator of images can judge.

    Args:
        shape: of one output, without the batch.

    Raises:
        DataError: as told.
    """
    if len(shape) != 3 or min(shape[1:]) < 16:
        raise DataError(
            f"gc.shrink: detail: asks a discriminator of images of 16² or more, but the teacher "
            f"makes {tuple(shape)}; write 0"
        )


def add_detail(
    student: nn.Module,
    learned: Answers,
    spec: Mapping[str, Input],
    *,
    steps: int,
    learning_rate: float,
    seed: int = 0,
) -> None:
    """Train ``student`` in place by L1, SSIM, and a PatchGAN's maps and logits.

    L1 and SSIM alone give the mean of what is possible, which is smooth. The discriminator (Isola
    et al. 2017) learns along from the teacher's images, and its maps are compared too (DCD, Ren et
    al. 2021; TinyGAN; DiStyleGAN): pictures are sharper, and further from the teacher's in L1.

    Args:
        student: a plain module, near the teacher already; it ends in evaluation mode.
        learned: batches with the teacher's images (N, C, H, W).
        spec: what the inputs are.
        steps: updates, with a half cosine to zero.
        learning_rate: Adam's; that of the fine-tuning before.
        seed: of the discriminator and of the order.
    """
    batches = [learned[number] for number in range(len(learned))]
    inputs = concatenate([batch for batch, _ in batches])
    outputs = torch.cat([output for _, output in batches])
    check_detail(tuple(outputs.shape[1:]))
    side = min(outputs.shape[-2:])
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = 3 if side >= 64 else 2 if side >= 32 else 1
        discriminator = PatchGAN(outputs.shape[1], WIDTH, layers)
    supernet = Supernet(student.train().requires_grad_(True), batches[0][0])
    options = DistillOptions(
        batch_size=max(2, batch_size(batches[0][0])),
        learning_rate=learning_rate,
        schedule="cosine",
        ema=0.99,
        real_weight=0.0,
        validate_every=0,
        fixed=supernet.space.largest.text,
    )
    pairs = MemoryPairs(inputs, outputs, spec)
    settings = DistillSettings(discriminator=discriminator, seed=seed)
    distill(supernet, pairs, TERMS, steps=steps, options=options, settings=settings)
    calibrate(student, [batch for batch, _ in batches[:CALIBRATED]])
    student.eval().requires_grad_(False)
