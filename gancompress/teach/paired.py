"""A teacher from an image or label map to the image that belongs to it: pix2pix and GauGAN.

Both play against a discriminator that sees input and image together; they differ in what they are
asked for beside deceiving it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import Tensor, nn

from gancompress.batch import Batch, Input, in_range, onto
from gancompress.data.images import Indices
from gancompress.teach.jitter import jittered
from gancompress.teach.learner import Course, make_learner
from gancompress.teach.warnings import translation_warnings
from gancompress.training.checkpoint import Stateful
from gancompress.training.engine import Training
from gancompress.training.losses import ADVERSARIAL
from gancompress.training.optimise import frozen, moving_average, update_ema
from gancompress.training.order import batch_indices

# Takes images in [-1, 1] and gives the maps of some network, shallow to deep.
FeatureMaps = Callable[[Tensor], Sequence[Tensor]]


class PairedRows(Protocol):
    """A data set of inputs and targets; images are float in [-1, 1]."""

    def __len__(self) -> int: ...

    def batch(self, indices: Indices) -> Batch:
        """The input under its name, and the ``target`` that belongs to it."""
        ...


@dataclass(frozen=True)
class Wishes:
    """What a generator is asked for beside deceiving the discriminator; 0 for not at all.

    Attributes:
        l1: weight of mean |output - target| (Isola et al. 2017, eq. 3; 100 there).
        features: weight of Σ mean |difference| of the discriminator's maps (Wang et al. 2018, eq.
            4, whose sum over scales is a mean in GauGAN's code: 10 for two scales is 5 here).
        perceptual: weight of the same in the maps of ``network``.
        network: where ``perceptual`` looks; None without it.
    """

    l1: float = 0.0
    features: float = 0.0
    perceptual: float = 0.0
    network: FeatureMaps | None = None


def paired_training(
    generator: nn.Module,
    discriminator: nn.Module,
    data: PairedRows,
    name: str,
    entry: Input,
    *,
    wishes: Wishes,
    course: Course,
    accelerator: Accelerator,
) -> Training:
    """Prepare ``generator`` to be trained on pairs.

    Several processes train as one does with all their batches together.

    Args:
        generator: ``generator(**{name: inputs})`` gives images in [-1, 1] of the targets' shape.
            Dropout in it is its noise (Isola et al. 2017, section 3.2).
        discriminator: ``discriminator(image, condition=inputs)`` gives (logits, features).
        data: the pairs to learn from.
        name: of the generator's one input.
        entry: how it is fed: images in its range.
        wishes: what is asked for beside the adversarial loss, whose weight is 1.
    """
    # Everything that has a state.
    painter = make_learner(generator, course.learning_rate, course, accelerator)
    critic = make_learner(discriminator, course.discriminator_learning_rate, course, accelerator)
    average = moving_average(generator, course.ema).eval()
    state: dict[str, Stateful] = {
        **painter.state("generator"),
        **critic.state("discriminator"),
        "average": average,
    }
    if accelerator.scaler is not None:
        state["scaler"] = accelerator.scaler
    rank, ranks = accelerator.process_index, accelerator.num_processes
    batch_size = course.batch_size * ranks
    loss_d, loss_g = ADVERSARIAL[course.loss]
    exact = [name] if entry.kind == "label_map" else []

    def update(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        # Inputs and targets, cut and mirrored alike.
        rows = data.batch(batch_indices(step, batch_size, len(data), course.seed)[rank::ranks])
        both = {name: rows[name], "target": rows["target"]}
        rows = jittered(both, course.jitter, course.flip, rng, exact)
        shown, target = (onto(value, accelerator.device) for value in rows.values())

        # Update the discriminator. Published code halves its loss, which Adam does not notice.
        with accelerator.autocast():
            made = generator(**{name: in_range(shown, entry)})
            on_real, _ = discriminator(target, condition=shown)
            on_fake, _ = discriminator(made.detach(), condition=shown)
            d_loss = loss_d(on_real.float(), on_fake.float())
        critic.learn(d_loss)

        # Update the generator.
        with frozen(discriminator), accelerator.autocast():
            on_fake, maps = discriminator(made, condition=shown)
            g_loss = loss_g(on_fake.float())
            asked = _asked(wishes, made, maps, target, shown, discriminator)
            total = g_loss + torch.stack([w * value for w, value in asked.values()]).sum()
        painter.learn(total)
        if accelerator.scaler is not None:
            accelerator.scaler.update()
        update_ema(average, generator)
        return {"d": d_loss, "g": g_loss, **{title: value for title, (_, value) in asked.items()}}

    find_warnings = partial(translation_warnings, loss=course.loss)
    return Training(
        update=update,
        state=state,
        find_warnings=find_warnings,
        live=generator,
        average=average.module,
    )


def _asked(
    wishes: Wishes,
    made: Tensor,
    maps: Sequence[Tensor],
    target: Tensor,
    shown: Tensor,
    discriminator: nn.Module,
) -> dict[str, tuple[float, Tensor]]:
    """Weight and loss of every wish, by name; L1 always, as a figure to follow."""
    asked = {"l1": (wishes.l1, F.l1_loss(made.float(), target))}
    if wishes.features:
        with torch.no_grad():
            _, wanted = discriminator(target, condition=shown)
        asked["features"] = (wishes.features, _differences(maps, wanted))
    if wishes.perceptual and wishes.network is not None:
        with torch.no_grad():
            wanted = wishes.network(target)
        asked["perceptual"] = (wishes.perceptual, _differences(wishes.network(made), wanted))
    return asked


def _differences(maps: Sequence[Tensor], wanted: Sequence[Tensor]) -> Tensor:
    pairs = zip(maps, wanted, strict=True)
    return torch.stack([F.l1_loss(one.float(), other.float()) for one, other in pairs]).sum()
